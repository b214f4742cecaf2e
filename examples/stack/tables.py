"""The tables of both services, by SQLAlchemy's ORM."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

__all__ = ["OrderRow", "ShelfRow", "open_database", "prepare"]

_SHELVES = {"anvil": 400, "birdseed": 9000, "portable hole": 2, "rocket": 3}
_LOCKED_SECONDS = 30


class _Base(DeclarativeBase):
    pass


class OrderRow(_Base):
    """An order."""

    __tablename__ = "orders"
    id: Mapped[str] = mapped_column(primary_key=True)
    goods: Mapped[str]
    quantity: Mapped[int]


class ShelfRow(_Base):
    """How much of some goods there is."""

    __tablename__ = "shelves"
    goods: Mapped[str] = mapped_column(primary_key=True)
    available: Mapped[int]


def open_database(url: str) -> Engine:
    """Return the engine for a database; it connects when it is first used, that is: in the worker."""
    # Several processes write to one file, and wait for each other.
    return create_engine(url, connect_args={"timeout": _LOCKED_SECONDS})


def prepare(url: str) -> None:
    """Make the tables, and fill the shelves."""
    engine = open_database(url)
    _Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(ShelfRow(goods=goods, available=available) for goods, available in _SHELVES.items())
        session.commit()
    engine.dispose()
