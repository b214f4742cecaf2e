"use strict";
(() => {
  // Nothing here makes HTML of text: what is logged may be anybody's.
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const LEVELS = ["None", "Error", "Warn", "Info", "Debug", "Trace"];
  const KEY = "otel_ctxlog.token";
  const MINUTE = 60;
  const SHOWN_RULES = 200;
  const SHOWN_RECORDS = 400;
  const root = location.pathname.replace(/[^/]*$/, "");

  const el = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (name === "class") node.className = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name in node && name !== "list") node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  };
  const show = (node, visible) => { node.hidden = !visible; };
  const fill = (node, ...children) => node.replaceChildren(...children);
  const setText = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  // ---- asking

  class Refused extends Error {
    constructor(status, problem) {
      super(problem.detail || `status ${status}`);
      this.status = status;
      this.problem = problem;
    }
  }

  const headers = () => {
    const token = sessionStorage.getItem(KEY);
    return token ? { Authorization: `Bearer ${token}` } : {};
  };

  const ask = async (method, path, body, signal) => {
    const options = { method, headers: headers(), cache: "no-store", credentials: "omit", redirect: "error", signal };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const answer = await fetch(`${root}api/${path}`, options);
    if (!answer.ok) {
      let problem = {};
      try { problem = await answer.json(); } catch { problem = { detail: `status ${answer.status}` }; }
      if (answer.status === 401) needToken(sessionStorage.getItem(KEY) ? problem.detail : "");
      throw new Refused(answer.status, problem);
    }
    return answer.json();
  };

  const needToken = (text) => {
    const dialog = $("token-dialog");
    setText($("token-error"), text || "");
    show($("token-error"), Boolean(text));
    if (!dialog.open) dialog.showModal();
    $("token").focus();
  };

  const why = (error) => error instanceof Refused
    ? error.message + (error.problem.allowed && !error.message.includes("allowed:") ? `\nAllowed: ${error.problem.allowed}` : "")
    : `The service does not answer: ${error.message}`;

  let bannerTimer = 0;
  const say = (text, good) => {
    const banner = $("banner");
    clearTimeout(bannerTimer);
    setText(banner, text);
    banner.classList.toggle("good", Boolean(good));
    show(banner, Boolean(text));
    if (good) bannerTimer = setTimeout(() => show(banner, false), 5000);
  };

  // ---- words

  const span = (seconds) => {
    if (seconds >= 172800) return `${Math.floor(seconds / 86400)} d`;
    const whole = Math.max(0, Math.ceil(seconds));
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  };
  const duration = (seconds) => {
    let left = Math.round(seconds), found = "";
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
      if (left >= size) found += `${Math.floor(left / size)}${unit}`;
      left %= size;
    }
    return found || `${seconds}s`;
  };
  const rate = (perSecond) => perSecond >= 100 ? `${Math.round(perSecond)}/s` : perSecond >= 10 ? `${perSecond.toFixed(0)}/s` : `${perSecond.toFixed(1)}/s`;
  const number = (value) => value.toLocaleString("en");
  const clock = (seconds) => {
    const date = new Date(seconds * 1000);
    return Number.isNaN(date.getTime()) ? "?" : date.toTimeString().slice(0, 8) + "." + String(date.getMilliseconds()).padStart(3, "0");
  };
  const plain = (value) => typeof value === "string" ? value : JSON.stringify(value);
  const badge = (level) => el("span", { class: `badge l${level ? Math.min(level.level, 5) : 0}` }, level ? level.name : "own");

  // ---- small lines

  class History {
    constructor() { this.values = []; this.last = null; this.at = 0; }
    add(total, now) {
      if (this.last !== null && now > this.at) {
        this.values.push(Math.max(0, total - this.last) / (now - this.at));
        if (this.values.length > MINUTE) this.values.shift();
      }
      this.last = total;
      this.at = now;
    }
    get rate() {
      const recent = this.values.slice(-3);
      return recent.length ? recent.reduce((sum, one) => sum + one, 0) / recent.length : 0;
    }
    draw(svg) {
      const most = Math.max(...this.values, 0.001);
      const offset = MINUTE - this.values.length;
      const points = this.values.map((value, at) => `${offset + at},${(15 - 14 * value / most).toFixed(1)}`).join(" ");
      let line = svg.firstChild;
      if (!line) {
        line = document.createElementNS(SVG, "polyline");
        svg.append(line);
      }
      line.setAttribute("points", points);
    }
  }
  const sparkline = (label) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("class", "spark");
    svg.setAttribute("viewBox", "0 0 60 16");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    return svg;
  };

  // ---- rules

  const rows = new Map();
  const histories = { all: new History(), errors: new History(), rules: new Map() };
  let generation = -1;
  let known = { rules: [], total: 0 };
  let defaultLevel = null;

  const ruleRow = (rule) => {
    const passed = el("b", {}, "0");
    const held = el("span", { class: "held", hidden: true }, el("b", {}, "0"), " held back");
    const spark = sparkline("records of this rule in the last minute");
    const ends = el("span", { class: "ends" });
    const row = el("li", { class: rule.fromEndpoint ? "mine" : "", "data-id": rule.id },
      el("div", { class: "level" }, badge(rule.level)),
      el("div", { class: "what" },
        el("p", { class: "mono", title: rule.yaml || rule.code }, rule.line || rule.code),
        el("div", { class: "meta" },
          el("span", {}, rule.origin ? rule.origin.text : "", rule.inherited ? " (inherited)" : ""),
          el("span", { class: "live" }, spark, el("span", {}, passed, " passed")),
          held)),
      el("div", { class: "side" }, ends,
        rule.inherited ? null : el("button", { type: "button", "aria-label": `Remove the rule ${rule.line || rule.code}`, onclick: () => remove(rule) }, "Remove")));
    return { rule, row, passed, held, spark, ends };
  };

  const drawRules = (fresh) => {
    const list = $("rules-list");
    const wanted = [];
    for (const rule of known.rules) {
      let entry = rows.get(rule.id);
      if (!entry) {
        entry = ruleRow(rule);
        rows.set(rule.id, entry);
        if (fresh && rule.fromEndpoint) entry.row.classList.add("fresh");
      }
      entry.until = rule.expiresIn === null ? null : performance.now() / 1000 + rule.expiresIn;
      wanted.push(entry.row);
    }
    for (const id of [...rows.keys()]) if (!known.rules.some((rule) => rule.id === id)) { rows.delete(id); histories.rules.delete(id); }
    const same = wanted.length === list.children.length && wanted.every((row, at) => list.children[at] === row);
    if (!same) {
      const focused = document.activeElement;
      fill(list, ...wanted);
      if (focused && list.contains(focused)) focused.focus();
    }
    if (!wanted.length) fill(list, el("li", { class: "empty" }, el("span", {}), el("span", {}, $("rules-search").value ? "No rule has these words." : "There are no rules: the default level decides.")));
    setText($("rules-count"), known.total ? String(number(known.total)) : "");
    show($("rules-more"), known.total > known.rules.length);
    setText($("rules-more"), `The first ${known.rules.length} of ${number(known.total)} are shown; search for others.`);
    if (defaultLevel) fill($("rules-default"), badge(defaultLevel), el("span", {}, "where no rule matches"));
  };

  const loadRules = async () => {
    const search = encodeURIComponent($("rules-search").value.slice(0, 500));
    const before = generation;
    const answer = await ask("GET", `rules?limit=${SHOWN_RULES}&search=${search}`);
    known = answer;
    generation = answer.generation;
    setDefault(answer.defaultLevel);
    drawRules(before >= 0);
    countRules(answer.rules, performance.now() / 1000);
  };

  const countRules = (counted, now) => {
    const byId = new Map(counted.map((one) => [one.id, one]));
    for (const [id, entry] of rows) {
      const one = byId.get(id);
      if (!one) continue;
      if (!histories.rules.has(id)) histories.rules.set(id, new History());
      const history = histories.rules.get(id);
      history.add(one.passed, now);
      history.draw(entry.spark);
      setText(entry.passed, history.rate >= 0.05 ? `${number(one.passed)} (${rate(history.rate)})` : number(one.passed));
      const held = Object.entries(one.suppressed);
      const sum = held.reduce((total, [, count]) => total + count, 0);
      show(entry.held, sum > 0);
      setText(entry.held.firstChild, number(sum));
      entry.held.title = held.map(([reason, count]) => `${reason}: ${count}`).join(", ");
      entry.until = one.expiresIn === null ? null : now + one.expiresIn;
    }
  };

  const countDown = () => {
    const now = performance.now() / 1000;
    for (const entry of rows.values()) {
      const left = entry.until === null || entry.until === undefined ? null : entry.until - now;
      setText(entry.ends, left === null ? "" : left <= 0 ? "ends now" : `ends in ${span(left)}`);
      entry.ends.classList.toggle("soon", left !== null && left < 30);
    }
  };

  const loadCounts = async () => {
    const answer = await ask("GET", "statistics");
    const now = performance.now() / 1000;
    countRules(answer.rules, now);
    histories.all.add(answer.records.total, now);
    histories.errors.add(answer.records.byLevel["1"] || 0, now);
    histories.all.draw($("spark-all"));
    histories.errors.draw($("spark-errors"));
    setText($("fact-rate"), answer.records.seen ? rate(histories.all.rate) : "not seen");
    setText($("fact-errors"), answer.records.seen ? rate(histories.errors.rate) : "–");
    const held = answer.rules.reduce((sum, rule) => sum + Object.values(rule.suppressed).reduce((all, one) => all + one, 0), 0);
    setText($("fact-held"), number(held));
    if (answer.generation !== generation) await Promise.all([loadRules(), loadAudit()]);
  };

  let removing = null;
  const remove = (rule) => {
    if (rule.fromEndpoint) {
      finishRemoval(rule, "", false);
      return;
    }
    removing = rule;
    setText($("remove-rule"), rule.line || rule.code);
    setText($("remove-origin"), rule.origin ? `From ${rule.origin.text}.` : "");
    $("remove-reason").value = "";
    $("remove-dialog").showModal();
  };
  const finishRemoval = async (rule, reason, confirmed) => {
    const query = new URLSearchParams({ confirm: String(confirmed) });
    if (reason) query.set("reason", reason);
    try {
      await ask("DELETE", `rules/${rule.id}?${query}`);
      say("The rule is removed.", true);
      $("rules").focus({ preventScroll: true });
    } catch (error) {
      say(why(error));
    }
    await refresh();
  };
  $("remove-form").addEventListener("submit", () => { if (removing) finishRemoval(removing, $("remove-reason").value.trim(), true); });
  $("remove-no").addEventListener("click", () => $("remove-dialog").close());

  // ---- default level

  const setDefault = (level) => {
    defaultLevel = level;
    const select = $("default-level");
    if (!select.options.length) fill(select, ...LEVELS.map((name, value) => el("option", { value: String(value) }, name)));
    if (level.level >= LEVELS.length && !select.querySelector(`option[value="${level.level}"]`)) select.append(el("option", { value: String(level.level) }, level.name));
    if (document.activeElement !== select) select.value = String(level.level);
  };
  $("default-level").addEventListener("change", () => {
    const select = $("default-level");
    setText($("level-text"), `From ${defaultLevel ? defaultLevel.name : "?"} to ${select.selectedOptions[0].textContent}, for everything that no rule is about.`);
    $("level-reason").value = "";
    $("level-dialog").returnValue = "";
    $("level-dialog").showModal();
  });
  $("level-form").addEventListener("submit", async () => {
    try {
      const body = { level: Number($("default-level").value) };
      if ($("level-reason").value.trim()) body.reason = $("level-reason").value.trim();
      defaultLevel = await ask("PUT", "default-level", body);
      say(`The default level is ${defaultLevel.name}.`, true);
    } catch (error) {
      say(why(error));
    }
    await refresh();
  });
  $("level-no").addEventListener("click", () => $("level-dialog").close());
  $("level-dialog").addEventListener("close", () => { $("default-level").blur(); if (defaultLevel) setDefault(defaultLevel); });

  // ---- composing

  const KINDS = {
    baggage: { label: "baggage", list: "names-baggage", named: true },
    attribute: { label: "attribute", list: "names", named: true },
    span: { label: "span attribute", list: "names-span", named: true },
    resource: { label: "resource", list: "names-resource", named: true },
    spanname: { label: "span name", named: false },
    tag: { label: "tag", list: "tags" },
    sampled: { label: "trace is sampled" },
  };
  const OPERATORS = [["is", "is"], ["oneof", "is one of"], ["glob", "is like"], ["regex", "has (regex)"], ["range", "is between"], ["exists", "is there"]];
  const HINTS = { is: "acme", oneof: "acme, globex", glob: "ac*", regex: "^ac", range: "50..100" };

  const addCondition = (kind, preset = {}) => {
    const about = KINDS[kind];
    const row = el("div", { class: "condition", role: "listitem" });
    row.dataset.kind = kind;
    const not = el("input", { type: "checkbox", checked: Boolean(preset.not) });
    row.append(el("span", { class: "kind" }, el("label", {}, not, "not"), about.label));
    if (kind === "tag") {
      row.append(el("input", { class: "wide name", "aria-label": "Tag", list: "tags", placeholder: "slow", spellcheck: false, value: preset.name || "" }));
    } else if (kind !== "sampled") {
      if (about.named) row.append(el("input", { class: "name", "aria-label": `Name of the ${about.label}`, list: about.list, placeholder: "name", spellcheck: false, value: preset.name || "" }));
      const operators = OPERATORS.filter(([value]) => about.named || (value !== "exists" && value !== "range"));
      const operator = el("select", { class: "operator", "aria-label": "How it is compared" }, ...operators.map(([value, label]) => el("option", { value }, label)));
      const value = el("input", { class: about.named ? "value mono" : "value wide mono", "aria-label": "Value", placeholder: HINTS.is, spellcheck: false, value: preset.value || "" });
      operator.addEventListener("change", () => { value.placeholder = HINTS[operator.value] || ""; show(value, operator.value !== "exists"); });
      row.append(operator, value);
    } else {
      row.append(el("span", { class: "wide" }));
    }
    row.append(el("button", { type: "button", class: "quiet", "aria-label": "Leave this condition out", onclick: () => { row.remove(); previewSoon(); } }, "✕"));
    $("conditions").append(row);
    const first = row.querySelector("input.name, input.value, button");
    if (first && !preset.quiet) first.focus();
    previewSoon();
  };

  // A number or true or false is meant as such, unless it stands in quotes.
  const literal = (text) => {
    const trimmed = text.trim();
    if (/^".*"$/.test(trimmed)) return trimmed.slice(1, -1);
    if (trimmed === "true" || trimmed === "false") return trimmed === "true";
    if (/^-?\d{1,15}(\.\d+)?$/.test(trimmed)) return Number(trimmed);
    return trimmed;
  };
  const valueOf = (operator, text) => {
    if (operator === "oneof") return { oneof: text.split(",").filter((one) => one.trim()).map(literal) };
    if (operator === "glob" || operator === "regex") return { [operator]: text };
    if (operator === "exists") return { exists: true };
    if (operator === "range") {
      const [min, max] = text.split("..").map((one) => one.trim());
      const range = {};
      if (min) range.min = literal(min);
      if (max) range.max = literal(max);
      return { range };
    }
    return { value: literal(text) };
  };
  const conditionOf = (row) => {
    const kind = row.dataset.kind;
    const name = row.querySelector(".name") ? row.querySelector(".name").value.trim() : "";
    const operator = row.querySelector(".operator") ? row.querySelector(".operator").value : "";
    const text = row.querySelector(".value") ? row.querySelector(".value").value : "";
    let made;
    if (kind === "tag") made = name && { tag: name };
    else if (kind === "sampled") made = { sampled: true };
    else if (kind === "spanname") made = text && { spanname: operator === "is" ? text : valueOf(operator, text) };
    else made = name && (text || operator === "exists") && { [kind]: { name, value: valueOf(operator, text) } };
    if (!made) return null;
    return row.querySelector("input[type=checkbox]").checked ? { not: made } : made;
  };
  const form = () => document.querySelector("input[name=form]:checked").value;

  // Returns the body of a request, or null while there is nothing to ask for.
  const composed = () => {
    const body = {};
    if (form() === "element") {
      const conditions = [...$("conditions").children].map(conditionOf).filter(Boolean);
      const realm = $("realm").value.trim();
      if (realm) conditions.unshift({ [$("below").value]: realm });
      const rule = { level: $("level").value };
      if (conditions.length) rule.conditions = conditions;
      body.element = { rule };
    } else {
      const text = $(form()).value;
      if (!text.trim()) return null;
      body[form()] = text;
    }
    const given = (id) => $(id).value.trim();
    // An end in the text itself counts; it may not be given twice.
    const ends = /@expires=|^\s*expires:/m.test(body.line || body.yaml || "") && $("expires").value === $("expires").defaultValue;
    if (given("expires") && !ends) body.expires = given("expires");
    if (given("limit")) body.limit = given("per") ? { rate: given("limit"), per: given("per") } : given("limit");
    if (given("sample")) body.sample = literal(given("sample"));
    if (given("first")) body.first = literal(given("first"));
    return body;
  };

  let previewTimer = 0;
  let previewing = null;
  const previewSoon = () => { clearTimeout(previewTimer); previewTimer = setTimeout(preview, 250); };
  const preview = async () => {
    if (previewing) previewing.abort();
    const mine = previewing = new AbortController();
    const body = composed();
    const box = $("preview");
    show(box, Boolean(body));
    if (!body) return;
    box.setAttribute("aria-busy", "true");
    try {
      const answer = await ask("POST", "preview", { ...body, show: 40 }, mine.signal);
      show($("add-error"), false);
      setText($("preview-line"), answer.line || answer.code);
      setText($("preview-yaml"), answer.yaml || "");
      setText($("preview-count"), !answer.seesRecords ? "No recent records are seen here, so that nothing can be said about what it would match."
        : answer.total === 0 ? "No record has passed yet that it could be tried on."
        : `Matches ${answer.matched} of the ${answer.total} recent message contexts${answer.asked < answer.total ? ` (of ${answer.asked} tried)` : ""}.`);
      fill($("preview-list"), ...answer.contexts.map(contextItem));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status !== 401) {
        setText($("add-error"), why(error));
        show($("add-error"), true);
      }
      for (const id of ["preview-line", "preview-count", "preview-yaml"]) setText($(id), "");
      fill($("preview-list"));
    } finally {
      if (previewing === mine) box.setAttribute("aria-busy", "false");
    }
  };
  const pairs = (map, prefix = "") => Object.entries(map).map(([name, value]) => el("span", { class: "pair" }, el("i", {}, `${prefix}${name}=`), plain(value)));
  const contextItem = (context) => el("li", { class: context.matched ? "hit" : "" },
    el("span", { class: "mark", "aria-label": context.matched ? "matches" : "does not match" }, context.matched ? "✓" : ""),
    el("span", {}, el("span", { class: "pair strong" }, context.realm || context.scope || "no realm"),
      ...pairs(context.baggage, "baggage:"), ...(context.span ? pairs(context.span.attributes, "span:") : []), ...pairs(context.attributes)),
    el("span", { class: "dim" }, `${context.count}×`));

  $("compose").addEventListener("input", previewSoon);
  $("compose").addEventListener("change", previewSoon);
  for (const chip of document.querySelectorAll("[data-condition]")) chip.addEventListener("click", () => addCondition(chip.dataset.condition));
  for (const radio of document.querySelectorAll("input[name=form]")) {
    radio.addEventListener("change", () => {
      for (const name of ["element", "line", "yaml"]) show($(`as-${name}`), name === form());
      // What was composed so far goes along.
      const line = $("preview-line").textContent, yaml = $("preview-yaml").textContent;
      const bare = (text) => text.replace(/@(expires|limit|sample|first)=(\([^)]*\)|[^@]*)/g, "");
      if (form() === "line" && !$("line").value && line) $("line").value = bare(line);
      if (form() === "yaml" && !$("yaml").value && yaml) $("yaml").value = yaml.split(/\n(?=  (?:expires|limit|sample|first):)/)[0];
      previewSoon();
    });
  }
  $("compose").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = composed();
    if (!body) return;
    if ($("reason").value.trim()) body.reason = $("reason").value.trim();
    $("submit").disabled = true;
    try {
      const answer = await ask("POST", "rules", body);
      show($("add-error"), false);
      say(`Added, until ${new Date(answer.rule.ends).toLocaleTimeString()}${answer.replaced.length ? "; it replaces one with the same conditions" : ""}.`, true);
      await refresh();
    } catch (error) {
      setText($("add-error"), why(error));
      show($("add-error"), true);
    } finally {
      $("submit").disabled = false;
    }
  });

  // ---- explaining

  const namedValues = (text) => {
    const found = {};
    for (const part of text.split(",")) {
      const at = part.indexOf("=");
      if (at > 0) found[part.slice(0, at).trim()] = literal(part.slice(at + 1));
    }
    return found;
  };
  const explain = async () => {
    const body = { level: $("ask-level").value };
    const tags = $("ask-tags").value.split(",").map((tag) => tag.trim()).filter(Boolean);
    if ($("ask-realm").value.trim()) body.realm = $("ask-realm").value.trim();
    if (tags.length) body.tags = tags;
    if ($("ask-attributes").value.trim()) body.attributes = namedValues($("ask-attributes").value);
    if ($("ask-baggage").value.trim()) body.baggage = Object.fromEntries(Object.entries(namedValues($("ask-baggage").value)).map(([name, value]) => [name, String(value)]));
    const name = $("ask-span").value.trim(), attributes = namedValues($("ask-span-attributes").value);
    if (name || Object.keys(attributes).length || !$("ask-sampled").checked) {
      body.span = { attributes, sampled: $("ask-sampled").checked };
      if (name) body.span.name = name;
    }
    try {
      const answer = await ask("POST", "explain", body);
      show($("ask-error"), false);
      const by = answer.rule ? ["decided by ", el("span", { class: "mono" }, answer.rule.line || answer.rule.code), answer.origin ? ` (${answer.origin.text})` : ""] : ["the default level: no rule matches"];
      fill($("answer"),
        el("p", { class: `verdict ${answer.enabled ? "on" : "off"}` }, `${answer.asked.name} is ${answer.enabled ? "on" : "off"}`),
        el("p", {}, `${answer.name} and above is let through, `, ...by, "."),
        el("ul", {},
          ...answer.notes.map((note) => el("li", {}, note)),
          ...answer.skipped.map((one) => el("li", {}, el("p", { class: "mono" }, "not ", one.rule.line || one.rule.code), el("p", { class: "dim" }, one.reason, one.origin ? ` (${one.origin.text})` : "")))),
        answer.skippedTotal > answer.skipped.length ? el("p", { class: "hint" }, `and ${number(answer.skippedTotal - answer.skipped.length)} more that do not match`) : "");
    } catch (error) {
      fill($("answer"));
      setText($("ask-error"), why(error));
      show($("ask-error"), true);
    }
  };
  $("ask").addEventListener("submit", (event) => { event.preventDefault(); explain(); });
  const written = (map) => Object.entries(map).filter(([, value]) => typeof value !== "object" && !/[,=]/.test(String(value))).map(([name, value]) => `${name}=${value}`).join(", ");

  // ---- tail

  const records = [];
  let paused = false;
  let waiting = 0;
  const matchesFilter = (record) => {
    if (record.missed) return true;
    if (record.level > Number($("tail-level").value)) return false;
    const words = $("tail-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    return words.every((word) => record.text.includes(word));
  };
  const recordRow = (record) => {
    if (record.missed) return el("li", { class: "gap" }, `… ${number(record.missed)} more in between are not kept`);
    const { realm: _realm, eventType: _type, ...rest } = record.attributes;
    const what = record.eventName ? `◆ ${record.eventName}` : plain(record.body ?? "");
    const details = el("div", { class: "more", hidden: true });
    const line = el("button", { type: "button", class: "line", "aria-expanded": "false", onclick: () => {
      const open = details.hidden;
      if (open && !details.childElementCount) fill(details, recordDetails(record));
      show(details, open);
      line.setAttribute("aria-expanded", String(open));
    } },
      el("span", { class: "when" }, clock(record.time)),
      el("span", { class: `sev l${record.level}` }, record.severity || "?"),
      el("span", {}, record.realm || record.scope ? el("span", { class: "realm" }, record.realm || record.scope) : null, el("span", { class: "body" }, what),
        el("span", { class: "rest" }, Object.entries(rest).slice(0, 8).map(([name, value]) => `${name}=${plain(value)}`).join(" "))));
    return el("li", {}, line, details);
  };
  const recordDetails = (record) => {
    const list = el("dl");
    const add = (name, value) => { if (value !== "" && value !== null && value !== undefined) list.append(el("dt", {}, name), el("dd", {}, plain(value))); };
    add("body", record.body); add("event", record.eventName); add("logger", record.scope);
    for (const [name, value] of Object.entries(record.attributes)) add(name, value);
    add("trace", record.traceId); add("span", record.spanId);
    return el("div", {}, list, el("div", { class: "row" },
      el("button", { type: "button", onclick: () => {
        $("ask-realm").value = record.realm || "";
        const inSpan = record.span ? record.span.attributes : {};
        const own = Object.entries(record.attributes).filter(([name]) => name !== "realm" && !(name in record.baggage) && !(name in inSpan));
        $("ask-attributes").value = written(Object.fromEntries(own));
        $("ask-baggage").value = written(record.baggage);
        $("ask-span").value = record.span && record.span.name ? record.span.name : "";
        $("ask-span-attributes").value = written(inSpan);
        $("ask-sampled").checked = !record.span || record.span.sampled;
        $("ask-level").value = LEVELS[Math.min(Math.max(record.level, 1), 5)];
        $("explain").scrollIntoView({ block: "start" });
        $("ask-level").focus({ preventScroll: true });
        explain();
      } }, "Explain one like it"),
      el("button", { type: "button", onclick: () => {
        document.querySelector("input[name=form][value=element]").click();
        $("realm").value = record.realm || "";
        $("below").value = "realm";
        $("add").scrollIntoView({ block: "start" });
        $("realm").focus({ preventScroll: true });
        previewSoon();
      } }, "Rule for its realm")));
  };
  const drawTail = () => {
    const list = $("tail-list");
    fill(list, ...records.filter(matchesFilter).slice(-SHOWN_RECORDS).map((record) => record.row || (record.row = recordRow(record))));
    list.scrollTop = list.scrollHeight;
    countTail();
  };
  const countTail = () => {
    setText($("tail-count"), paused && waiting ? `${number(waiting)} new` : records.length ? `last ${number(records.length)}` : "");
    if (!records.length && !$("tail-list").childElementCount) fill($("tail-list"), el("li", { class: "empty" }, "Nothing has passed yet."));
  };
  let fresh = [];
  let drawing = 0;
  const takeRecord = (record) => {
    if (!record.missed) record.text = `${record.realm || ""} ${record.scope} ${record.severity} ${record.eventName} ${plain(record.body ?? "")} ${JSON.stringify(record.attributes)} ${record.traceId}`.toLowerCase();
    records.push(record);
    if (records.length > SHOWN_RECORDS) records.splice(0, records.length - SHOWN_RECORDS);
    if (paused) { waiting += 1; countTail(); return; }
    fresh.push(record);
    if (!drawing) drawing = requestAnimationFrame(appendFresh);
  };
  const appendFresh = () => {
    drawing = 0;
    const list = $("tail-list");
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    if (list.firstElementChild && list.firstElementChild.className === "empty") fill(list);
    const shown = fresh.slice(-SHOWN_RECORDS).filter(matchesFilter);
    fresh = [];
    list.append(...shown.map((record) => record.row || (record.row = recordRow(record))));
    while (list.childElementCount > SHOWN_RECORDS) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
    countTail();
  };
  $("tail-filter").addEventListener("input", drawTail);
  $("tail-level").addEventListener("change", drawTail);
  $("tail-pause").addEventListener("click", () => {
    paused = !paused;
    $("tail-pause").setAttribute("aria-pressed", String(paused));
    setText($("tail-pause"), paused ? "Go on" : "Pause");
    waiting = 0;
    if (paused) countTail(); else drawTail();
  });
  $("tail-clear").addEventListener("click", () => { records.length = 0; fresh = []; waiting = 0; fill($("tail-list")); countTail(); });

  const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  let next = -1;
  const follow = async () => {
    for (;;) {
      try {
        if (next < 0) {
          const answer = await ask("GET", "records?limit=200");
          answer.records.forEach(takeRecord);
          next = answer.next;
          setText($("tail-hint"), answer.seesRecords ? "What passed, as it passes." : "Records are not seen here: the endpoint keeps none, or the target of the context is no LoggerProvider of the SDK.");
          countTail();
          if (!answer.seesRecords) { next = -1; await sleep(10000); continue; }
        }
        const answer = await fetch(`${root}api/records/stream?after=${next}`, { headers: headers(), cache: "no-store", credentials: "omit" });
        if (answer.ok) await readStream(answer.body.getReader());
        else if (answer.status === 503) await pollOnce();
        else if (answer.status === 401) { needToken("The token is not valid any more."); await sleep(3000); }
      } catch (error) {
        if (error.status === 401) await tokenGiven();
        else await sleep(2000);
      }
      await sleep(1000);
    }
  };
  const pollOnce = async () => {
    const answer = await ask("GET", `records?after=${next}`);
    if (answer.missed) takeRecord({ missed: answer.missed });
    answer.records.forEach(takeRecord);
    next = answer.next;
  };
  const readStream = async (reader) => {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const parts = rest.split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n");
        if (!data) continue;
        const content = JSON.parse(data);
        if (content.number) next = content.number;
        takeRecord(content);
      }
    }
  };

  // ---- changes and configuration

  const ACTIONS = { ruleAdded: "added", ruleRemoved: "removed", ruleExpired: "ended by itself", defaultLevelChanged: "default level", configurationReloaded: "configuration read", configurationRefused: "configuration refused" };
  const loadAudit = async () => {
    const answer = await ask("GET", "audit?limit=100");
    setText($("audit-count"), answer.total ? number(answer.total) : "");
    fill($("audit-list"), ...answer.entries.map((entry) => el("li", {},
      el("time", { dateTime: entry.time, title: entry.time }, clock(Date.parse(entry.time) / 1000).slice(0, 8)),
      el("div", {},
        el("span", { class: "strong" }, ACTIONS[entry.action] || entry.action), entry.actor ? ` by ${entry.actor}` : "",
        entry.until ? el("span", { class: "dim" }, ` until ${clock(Date.parse(entry.until) / 1000).slice(0, 8)}`) : "", entry.detail ? `: ${entry.detail}` : "",
        entry.rule ? el("p", { class: "mono rule" }, entry.rule) : null))));
    if (!answer.entries.length) fill($("audit-list"), el("li", { class: "empty" }, el("span", {}), el("span", {}, "Nothing was changed yet.")));
  };
  $("configuration-show").addEventListener("click", async () => {
    const text = $("configuration-text");
    try {
      text.textContent = (await ask("GET", "configuration")).yaml;
      show(text, true);
      show($("configuration-copy"), Boolean(navigator.clipboard));
      setText($("configuration-show"), "Refresh");
    } catch (error) {
      say(why(error));
    }
  });
  $("configuration-copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText($("configuration-text").textContent); say("Copied.", true); } catch (error) { say(`Not copied: ${error.message}`); }
  });

  const loadCatalogue = async () => {
    const answer = await ask("GET", "catalogue");
    const options = (names) => names.map((name) => el("option", { value: name }));
    const defined = (list) => list.map((one) => el("option", { value: one.name, label: one.description || undefined }));
    fill($("realms"), ...defined(answer.realms));
    fill($("tags"), ...defined(answer.tags));
    fill($("names-baggage"), ...options(answer.baggage));
    fill($("names-span"), ...options(answer.span));
    fill($("names-resource"), ...options(answer.resource));
    fill($("names"), ...options([...new Set([...answer.attributes, ...answer.baggage, ...answer.span])].sort()));
  };

  // ---- theme, token, start

  const setTheme = (theme) => { document.documentElement.dataset.theme = theme; };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => sessionStorage.getItem("otel_ctxlog.theme");
  setTheme(chosen() || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!chosen()) setTheme(dark.matches ? "dark" : "light"); });
  $("theme").addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    sessionStorage.setItem("otel_ctxlog.theme", theme);
    setTheme(theme);
  });

  let given = [];
  const tokenGiven = () => new Promise((done) => given.push(done));
  $("token-form").addEventListener("submit", () => {
    sessionStorage.setItem(KEY, $("token").value.trim());
    $("token").value = "";
    for (const done of given.splice(0)) done();
  });
  $("token-dialog").addEventListener("cancel", (event) => event.preventDefault());
  $("leave").addEventListener("click", () => { sessionStorage.removeItem(KEY); location.reload(); });

  const refresh = async () => {
    try { await Promise.all([loadRules(), loadAudit()]); } catch (error) { alive(error); }
  };
  const alive = (error) => {
    const dot = $("dot");
    dot.className = error ? "dot off" : "dot on";
    if (error && error.status !== 401) say(why(error));
    else if (!error && dot.dataset.was === "off") say("", false);
    dot.dataset.was = error ? "off" : "on";
  };
  const start = async () => {
    for (;;) {
      try {
        const about = await ask("GET", "about");
        setText($("service"), about.service || "a service");
        document.title = `${about.service || "service"}: log rules`;
        setText($("instance"), [about.instance ? `instance ${about.instance}` : "", `process ${about.process}`, about.version ? `otel_ctxlog ${about.version}` : ""].filter(Boolean).join(" · "));
        setText($("actor"), about.actor === "anonymous" ? "no token needed" : `as ${about.actor}`);
        setText($("max-expiry"), duration(about.maxExpiry));
        show($("leave"), Boolean(sessionStorage.getItem(KEY)));
        return;
      } catch (error) {
        alive(error);
        await (error.status === 401 ? tokenGiven() : sleep(2000));
      }
    }
  };
  let searchTimer = 0;
  $("rules-search").addEventListener("input", () => { clearTimeout(searchTimer); searchTimer = setTimeout(() => loadRules().catch(alive), 200); });

  (async () => {
    await start();
    await refresh();
    loadCatalogue().catch(() => {});
    setInterval(() => { if (!document.hidden) loadCatalogue().catch(() => {}); }, 15000);
    setInterval(countDown, 250);
    preview();
    follow();
    for (;;) {
      if (!document.hidden) {
        try {
          await loadCounts();
          alive(null);
        } catch (error) {
          alive(error);
          if (error.status === 401) { await tokenGiven(); await start(); await refresh(); }
        }
      }
      await sleep(1000);
    }
  })();
})();
