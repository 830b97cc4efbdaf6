import Engine
import NIOCore

/// The beginning of a subscription: what is there, or what was missed; then the events that came meanwhile, then live
/// (stream.md §6.4, docs/streams.md "Resuming after a lost connection").
struct StreamSync {
    private let subscription: StreamSubscription
    private let server: StreamServer

    init(_ subscription: StreamSubscription, server: StreamServer) {
        self.subscription = subscription
        self.server = server
    }

    /// Why a subscription that knows of positions gets everything.
    private enum Reason: String {
        case new, unknown
        case tooOld = "too_old"
    }

    private var adapter: any StreamAdapter { server.adapter }

    func begin(_ resume: StreamResumePoint?, completion: @escaping () -> Void) {
        switch resume {
        case nil: read(nil, completion)
        case .new: read(.new, completion)
        case .position(let position): resumeFrom(position, completion)
        }
    }

    // MARK: Missed events

    private func resumeFrom(_ position: String, _ completion: @escaping () -> Void) {
        // What is about to be sent comes from the same source and must not come twice.
        server.subscribers.flush()
        let limit = StreamConnection.catchUpBytes
        switch adapter.missed(since: position, of: subscription.group, id: subscription.id, atMost: limit) {
        case .events(let events, let more):
            subscription.connection.send(resumed(events.count + more, since: position))
            subscription.connection.catchUp(subscription, events, more: more)
            completion()
        case .tooOld: read(.tooOld, completion)
        case .unknown: read(.unknown, completion)
        }
    }

    private func resumed(_ missed: Int, since position: String) -> [ByteBuffer] {
        let text = StreamMessage.text(
            subscription.group,
            id: subscription.id,
            timestamp: server.engine.nowMilliseconds,
            position: position
        ) {
            $0.writeStaticString("{\"type\":\"resumed\",\"missed\":")
            $0.writeString(String(missed))
            $0.writeStaticString("}")
        }
        return SharedFrames.text(text)
    }

    // MARK: Everything

    private func read(_ reason: Reason?, _ completion: @escaping () -> Void) {
        let custom = "stream::\(subscription.id == nil ? "list" : "get")(\(subscription.group.stream.string))"
        guard server.engine.function(custom) == nil else { return readCustom(custom, reason, completion) }
        adapter.snapshot(of: subscription.group, id: subscription.id) { result in
            self.finish(result, reason, completion)
        }
    }

    /// Somebody else keeps the items: nothing says which events are in what the function returns, so none is left out.
    private func readCustom(_ functionID: String, _ reason: Reason?, _ completion: @escaping () -> Void) {
        let position = adapter.lastPosition
        var payload = subscription.group.json
        if let id = subscription.id { payload["item_id"] = .string(id) }
        let once = AnswerOnce(server.engine.loop, after: StreamMembershipTriggers.guardTimeout) { outcome in
            switch outcome {
            case .success(let value):
                finish(.success(StreamSnapshot(data: value, ids: nil, position: position)), reason, completion)
            case .failure(let error):
                finish(.failure(AdapterError("\(error)")), reason, completion)
            }
        }
        server.engine.invoke(functionID, data: RawJSON(.object(payload)), reply: once.answer)
    }

    private func finish(
        _ result: Result<StreamSnapshot, AdapterError>,
        _ reason: Reason?,
        _ completion: @escaping () -> Void
    ) {
        defer { completion() }
        server.subscribers.flush()
        let held = subscription.goLive()
        guard subscription.connection.socket.isOpen else { return }
        switch result {
        case .success(let snapshot):
            let frames = SharedFrames.text(text(snapshot, reason))
            subscription.connection.socket.send(frames: frames, isUnlimited: true)
            sendHeld(held.filter { $0.position > snapshot.position })
        case .failure(let error):
            server.noteFailedSync(subscription, error)
            sendHeld(held)
        }
    }

    private func sendHeld(_ events: [StreamEvent]) {
        guard !events.isEmpty else { return }
        subscription.connection.send(StreamFrames.make(events, subscription.isResumable ? adapter.text(of:) : nil))
    }

    private func text(_ snapshot: StreamSnapshot, _ reason: Reason?) -> ByteBuffer {
        StreamMessage.text(
            subscription.group,
            id: subscription.id,
            timestamp: server.engine.nowMilliseconds,
            position: reason == nil ? nil : adapter.text(of: snapshot.position)
        ) {
            $0.writeStaticString("{\"type\":\"sync\",\"data\":")
            $0.writeImmutableBuffer((snapshot.data ?? .null).buffer)
            if let reason {
                if let ids = snapshot.ids {
                    $0.writeStaticString(",\"ids\":")
                    $0.writeImmutableBuffer(ids.buffer)
                }
                $0.writeStaticString(",\"resumed\":false,\"reason\":\"")
                $0.writeString(reason.rawValue)
                $0.writeStaticString("\"")
            }
            $0.writeStaticString("}")
        }
    }
}
