"use strict";

/**
 * One group of an iii stream, kept current over connections that may break at any time.
 *
 *     const stream = new ResumableStream({
 *         url: "ws://127.0.0.1:3112", streamName: "chat", groupId: "room-1",
 *         onChange: (change, stream) => console.log(change.type, change.id, [...stream.items]),
 *         onState: (stream) => console.log(stream.state, stream.detail),
 *     });
 *     stream.start();
 *
 * `items` equals the group's content at `position`. After a lost connection it asks for what happened since that
 * position (docs/streams.md): nothing is missed and nothing comes twice, be it the network, this page or the engine
 * that went away. Only when the engine doesn't have the events any more does `items` start anew, by a `sync` change
 * whose `reason` says why.
 *
 * Changes, in the order in which they happened:
 *     {type: "sync", reason: "new" | "too_old" | "unknown"}    `items` was replaced; unless "new", events were missed
 *     {type: "resumed", missed}                                that many missed events follow
 *     {type: "create" | "update", id, data}                    the item's new value
 *     {type: "delete", id, data}                               the item's last value
 *     {type: "event", id, name, data}                          `stream::send`; not stored; id may be null
 * Those of the last three lines have a `timestamp`, milliseconds since 1970, of the engine's clock.
 *
 * No dependencies; this file is all there is to copy.
 */
class ResumableStream {
    /** Engines and proxies that close with this code ask for patience: this client didn't read fast enough. */
    static TRY_AGAIN_LATER = 1013;
    static TRY_AGAIN_LATER_ATTEMPT = 3;
    /** The id of an item that nobody writes. Joining it makes the engine say something (see #whenSilent). */
    static PROBE = "resumable-stream-probe";

    /** Item id -> value, in the order of the group's list. Read it, don't write it. */
    items = new Map();
    /** Where `items` stands. Only the engine understands it. Null before the first sync. */
    position = null;
    /** "stopped", "connecting", "joining", "live", "waiting" (for the next attempt) or "refused" (likewise). */
    state = "stopped";
    /** A sentence about the state, for people. */
    detail = "";
    counters = { connections: 0, drops: 0, syncs: 0, resumes: 0, missed: 0, probes: 0, changes: 0 };
    /** How often each close code came; 1006 is a connection that broke without one. */
    closeCodes = new Map();

    #options;
    #socket = null;
    #attempt = 0;
    #isProbing = false;
    #retryTimer = null;
    #silenceTimer = null;

    /**
     * Beside the above: `minRetryMs` and `maxRetryMs` are the bounds of the pause before a new attempt, which doubles;
     * `silenceMs` is how long to hear nothing before the engine is asked whether it's still there, and how long the
     * answer may take. `idOf(value, index)` names the items of a list that a custom `stream::list(<name>)` made.
     */
    constructor({
        url,
        streamName,
        groupId,
        onChange = () => {},
        onState = () => {},
        minRetryMs = 250,
        maxRetryMs = 10_000,
        silenceMs = 15_000,
        idOf = (value, index) => String(value?.id ?? index),
    }) {
        this.#options = { url, streamName, groupId, onChange, onState, minRetryMs, maxRetryMs, silenceMs, idOf };
    }

    start() {
        if (this.state === "stopped") {
            this.#attempt = 0;
            this.#connect();
        }
    }

    /** Keeps items and position: `start` goes on from there. */
    stop() {
        this.#abandon();
        clearTimeout(this.#retryTimer);
        this.#enter("stopped", "");
    }

    /** Doesn't wait for the pause to end; for the browser's `online` event and a button. */
    retryNow() {
        if (this.state === "waiting" || this.state === "refused") {
            this.#connect();
        }
    }

    // Connection

    #connect() {
        clearTimeout(this.#retryTimer);
        this.#enter("connecting", this.#options.url);
        const socket = new WebSocket(this.#options.url);
        this.#socket = socket;
        // A socket that was abandoned may still speak: only the current one is listened to.
        const isCurrent = () => this.#socket === socket;
        socket.onopen = () => isCurrent() && this.#join();
        socket.onmessage = (message) => isCurrent() && this.#receive(message.data);
        socket.onclose = (close) => isCurrent() && this.#lost(close.code, close.reason);
        this.#expectFrame();
    }

    #join() {
        this.counters.connections += 1;
        this.#enter("joining", this.position === null ? "from the start" : "from where it broke");
        this.#send({ subscriptionId: "group", resume: this.position });
        this.#expectFrame();
    }

    #send(join) {
        const { streamName, groupId } = this.#options;
        this.#socket.send(JSON.stringify({ type: "join", data: { streamName, groupId, ...join } }));
    }

    /** The connection is gone, or as good as gone. What it said so far is kept; the position says how far that is. */
    #lost(code, reason) {
        if (this.state === "live") {
            this.counters.drops += 1;
        }
        this.closeCodes.set(code, (this.closeCodes.get(code) ?? 0) + 1);
        if (code === ResumableStream.TRY_AGAIN_LATER) {
            this.#attempt = Math.max(this.#attempt, ResumableStream.TRY_AGAIN_LATER_ATTEMPT);
        }
        this.#waitForRetry("waiting", reason ? `closed with ${code}: ${reason}` : `closed with ${code}`);
    }

    #waitForRetry(state, why) {
        this.#abandon();
        const { minRetryMs, maxRetryMs } = this.#options;
        const pause = Math.min(maxRetryMs, minRetryMs * 2 ** this.#attempt);
        // Half of it by chance, so that a thousand pages don't all come back in the same instant.
        const pauseMs = pause / 2 + (Math.random() * pause) / 2;
        this.#attempt += 1;
        this.#retryTimer = setTimeout(() => this.#connect(), pauseMs);
        this.#enter(state, `${why}; next attempt in ${(pauseMs / 1000).toFixed(1)} s`);
    }

    #abandon() {
        const socket = this.#socket;
        this.#socket = null;
        clearTimeout(this.#silenceTimer);
        // Not waited for: the closing handshake of a stalled connection may take minutes.
        socket?.close();
    }

    #enter(state, detail) {
        this.state = state;
        this.detail = detail;
        this.#options.onState(this);
    }

    // Silence

    /** Any frame will do. A connection can be dead without anybody having said so. */
    #expectFrame() {
        clearTimeout(this.#silenceTimer);
        this.#isProbing = false;
        this.#silenceTimer = setTimeout(() => this.#whenSilent(), this.#options.silenceMs);
    }

    /** A page can't send a WebSocket ping. A join is what the engine answers always; this one has no position. */
    #whenSilent() {
        if (this.state !== "live" || this.#isProbing) {
            this.#lost(1006, "no answer");
            return;
        }
        this.#isProbing = true;
        this.counters.probes += 1;
        this.#send({ subscriptionId: ResumableStream.PROBE, id: ResumableStream.PROBE });
        this.#silenceTimer = setTimeout(() => this.#whenSilent(), this.#options.silenceMs);
    }

    // Frames

    #receive(text) {
        this.#expectFrame();
        const frame = JSON.parse(text);
        const { streamName, groupId } = this.#options;
        if (frame.streamName !== streamName || frame.groupId !== groupId || frame.id === ResumableStream.PROBE) {
            return;
        }
        if (frame.event.type === "unauthorized") {
            this.#refused(frame.event.reason ?? "not authorized");
        } else if (frame.position === undefined) {
            this.#refused("this engine's streams have no positions to resume from");
        } else {
            this.#apply(frame);
        }
    }

    /** Refusals can end (a limit, a guard that was down), so the attempts go on, at the slowest pace. */
    #refused(reason) {
        this.#attempt = Infinity;
        this.#waitForRetry("refused", `refused: ${reason}`);
    }

    #apply({ event, id, timestamp, position }) {
        const change = this.#changeFor(event, id, timestamp);
        this.position = position;
        if (change.type === "sync" || change.type === "resumed") {
            this.#attempt = 0;
            this.#enter("live", "");
        } else {
            this.counters.changes += 1;
        }
        this.#options.onChange(change, this);
    }

    /** Brings `items` up to date with the event and says what it was. */
    #changeFor(event, id, timestamp) {
        const { type, data } = event;
        switch (type) {
            case "sync":
                this.counters.syncs += 1;
                this.#replaceItems(data, event.ids);
                return { type, reason: event.reason };
            case "resumed":
                this.counters.resumes += 1;
                this.counters.missed += event.missed;
                return { type, missed: event.missed };
            case "create":
            case "update":
                this.items.set(id, data);
                return { type, id, data, timestamp };
            case "delete":
                this.items.delete(id);
                return { type, id, data, timestamp };
            default:
                return { type: "event", id, name: event.event?.type, data: event.event?.data, timestamp };
        }
    }

    #replaceItems(values, ids) {
        const { idOf } = this.#options;
        this.items = new Map(values.map((value, index) => [ids ? ids[index] : idOf(value, index), value]));
    }
}
