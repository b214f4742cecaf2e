"""FastAPI: each request is message context; debug for the tenant that asked for help, and for no other.

In production the last function is `uvicorn module:app`; here one client asks the application itself. Needs fastapi and
httpx.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

import otel_ctxlog as cl
from otel_ctxlog.bridges.asgi import ContextMiddleware

log = cl.log(cl.Realm("shop/web"))


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
    """Telemetry lives as long as the application: its end delivers what is queued."""
    with cl.setup(service_name="shop", exporter="console", traces_exporter="none") as telemetry:
        rule = cl.ConditionRule(cl.DEBUG, cl.Attribute("tenant", "acme"))
        telemetry.logging.add_rule(cl.ControlledRule(rule, expires="15m", limit="100/s"))
        yield


api = FastAPI(lifespan=lifespan)


@api.get("/orders/{number}")
async def order(number: int) -> dict[str, int]:
    """Return an order."""
    log.debug("looked up", number=number)
    cl.default_context().eventer().event("orderSeen", number=number)
    return {"number": number}


app = ContextMiddleware(api, headers={"X-Tenant": "tenant"})


async def main() -> None:
    """Ask as two tenants."""
    async with (
        lifespan(api),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
    ):
        for tenant in ("acme", "globex"):
            await client.get("/orders/7", headers={"X-Tenant": tenant, "X-Request-ID": f"r-{tenant}"})


if __name__ == "__main__":
    asyncio.run(main())
