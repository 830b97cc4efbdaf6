"use strict";

// The page: shows what a ResumableStream says. Options come by query string; see README.md.

/** Values per item that the course line shows. */
const COURSE_LENGTH = 60;
/** Log rows in the document; more are kept (`log` in the query string), the rest is forgotten. */
const ROWS_SHOWN = 200;

class Dashboard {
    /** The newest changes, oldest first: at most `logLength`. */
    log = [];
    counts = { create: 0, update: 0, delete: 0, event: 0 };
    #courses = new Map();
    #isDrawingDue = false;

    constructor(query) {
        const number = (name, otherwise) => Number(query.get(name) ?? otherwise);
        const streamName = query.get("stream") ?? "metrics";
        const groupId = query.get("group") ?? "host";
        this.logLength = number("log", 1000);
        this.stream = new ResumableStream({
            url: query.get("engine") ?? `ws://${location.hostname || "127.0.0.1"}:3112`,
            streamName,
            groupId,
            minRetryMs: number("retry", 250),
            maxRetryMs: number("retrymax", 10_000),
            silenceMs: number("silence", 15_000),
            onChange: (change, stream) => this.#note(change, stream),
            onState: () => this.#drawSoon(),
        });
        document.title = document.getElementById("title").textContent = `${streamName} / ${groupId}`;
    }

    #note(change, stream) {
        if (change.type in this.counts) {
            this.counts[change.type] += 1;
        }
        this.#followCourse(change, stream);
        this.log.push(change);
        if (this.log.length > this.logLength) {
            this.log.splice(0, this.log.length - this.logLength);
        }
        this.#drawSoon();
    }

    #followCourse({ type, id, data }, stream) {
        if (type === "delete") {
            this.#courses.delete(id);
        } else if (type === "sync") {
            this.#courses.clear();
            stream.items.forEach((value, item) => this.#extendCourse(item, value));
        } else if (type === "create" || type === "update") {
            this.#extendCourse(id, data);
        }
    }

    #extendCourse(id, value) {
        const number = typeof value === "number" ? value : value?.value;
        if (typeof number !== "number") {
            return;
        }
        const course = this.#courses.get(id) ?? [];
        course.push(number);
        this.#courses.set(id, course.slice(-COURSE_LENGTH));
    }

    // Drawing: at most once per frame of the screen, however many changes come.

    #drawSoon() {
        if (!this.#isDrawingDue) {
            this.#isDrawingDue = true;
            requestAnimationFrame(() => this.#draw());
        }
    }

    #draw() {
        this.#isDrawingDue = false;
        const { state, detail, items, counters, closeCodes } = this.stream;
        const label = document.getElementById("state");
        label.textContent = label.dataset.state = state;
        document.getElementById("detail").textContent = detail;
        const rows = [...items].map(([id, value]) => this.#itemRow(id, value));
        document.getElementById("items").replaceChildren(...rows);
        const newestFirst = this.log.slice(-ROWS_SHOWN).reverse();
        document.getElementById("log").replaceChildren(...newestFirst.map(logRow));
        const closed = [...closeCodes].map(([code, count]) => [`closed with ${code}`, count]);
        const all = [["items", items.size], ...Object.entries(this.counts), ...Object.entries(counters), ...closed];
        const figures = all.map(([name, count]) => element("span", {}, `${name} `, element("b", {}, String(count))));
        document.getElementById("counters").replaceChildren(...figures);
    }

    #itemRow(id, value) {
        const name = typeof value?.name === "string" ? value.name : id;
        const cells = [element("td", {}, name), element("td", {}, describe(value)), element("td", {})];
        const course = this.#courses.get(id);
        if (course?.length > 1) {
            cells[2].append(courseLine(course));
        }
        return element("tr", { "data-id": id }, ...cells);
    }
}

function logRow(change) {
    const { type, id, name, data, reason, missed, timestamp } = change;
    if (type === "sync" && reason !== "new") {
        const isTooOld = reason === "too_old";
        const why = isTooOld ? "the engine keeps no events that old" : "the engine doesn't know the position";
        return element("li", { class: "break" }, `Events are missing here: ${why}. The items are complete.`);
    }
    const time = timestamp === undefined ? "" : `${new Date(timestamp).toLocaleTimeString()} `;
    const texts = {
        sync: "all items",
        resumed: `nothing is missing; the events that came meanwhile follow: ${missed}`,
        event: `${name ?? ""} ${describe(data)}`,
    };
    const text = texts[type] ?? `${id} ${describe(data)}`;
    return element("li", { class: type }, element("span", { class: "kind" }, type), time + text);
}

/** A value in a few words: `{value, unit}` as that, everything else as JSON. */
function describe(value) {
    if (typeof value?.value === "number") {
        return `${Math.round(value.value * 100) / 100} ${value.unit ?? ""}`.trim();
    }
    return typeof value?.text === "string" ? value.text : JSON.stringify(value);
}

function courseLine(numbers) {
    const low = Math.min(...numbers);
    const height = Math.max(...numbers) - low || 1;
    const points = numbers.map((number, index) => {
        const x = (index / (COURSE_LENGTH - 1)) * 100;
        return `${x.toFixed(1)},${(19 - ((number - low) / height) * 18).toFixed(1)}`;
    });
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 100 20");
    svg.setAttribute("preserveAspectRatio", "none");
    const line = document.createElementNS(space, "polyline");
    line.setAttribute("points", points.join(" "));
    svg.append(line);
    return svg;
}

function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.append(...children);
    return made;
}

const dashboard = new Dashboard(new URLSearchParams(location.search));
addEventListener("online", () => dashboard.stream.retryNow());
dashboard.stream.start();
