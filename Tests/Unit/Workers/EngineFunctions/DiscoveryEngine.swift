import NIOCore
import Testing

@testable import Engine
@testable import Workers

/// An engine with `iii-engine-functions` and a second worker, as they stand after boot.
final class DiscoveryEngine {
    let test = TestEngine()
    let lifecycle: Lifecycle
    let client: TestPeer
    private var calls = 0

    init() throws {
        lifecycle = Lifecycle(
            engine: test.engine,
            entries: [
                .init(
                    instanceID: "iii-engine-functions",
                    worker: EngineFunctionsWorker(engineVersion: "1.2.3"),
                    isMandatory: true
                ),
                .init(instanceID: "iii-state", worker: StateStandIn(), isMandatory: false),
                .init(instanceID: "iii-state#1", worker: StateStandIn(), isMandatory: false),
            ]
        )
        try lifecycle.boot().wait()
        client = try test.connect(ip: nil)
    }

    var engine: Engine { test.engine }

    /// Calls as a connected worker and returns the whole answer.
    func answer(_ function: String, _ data: String = "{}", from peer: TestPeer? = nil) throws -> JSON {
        calls += 1
        let peer = peer ?? client
        let number = String(calls + 100_000)
        let frames = try peer.exchange(
            """
            {"type":"invokefunction","invocation_id":"7e0a1111-2222-4333-8444-555555\(number)",\
            "function_id":"\(function)","data":\(data)}
            """
        )
        return try #require(frames.last { $0["invocation_id"]?.string?.hasSuffix(number) == true })
    }

    func result(_ function: String, _ data: String = "{}", from peer: TestPeer? = nil) throws -> JSON {
        let answer = try answer(function, data, from: peer)
        return try #require(answer["result"], "\(function) failed: \(answer)")
    }

    /// `code: message` of a call that must fail.
    func failure(_ function: String, _ data: String) throws -> String {
        let error = try #require(try answer(function, data)["error"])
        return "\(error["code"]?.string ?? "?"): \(error["message"]?.string ?? "?")"
    }

    /// A worker that has registered functions and told who it is.
    func worker(_ name: String?, functions: [String] = [], more: String = "", ip: String? = "10.0.0.7") throws
        -> TestPeer
    {
        let peer = try test.connect(ip: ip)
        for function in functions { try peer.send(#"{"type":"registerfunction","id":"\#(function)"}"#) }
        if let name { try register(peer, #"{"name":"\#(name)","pid":4711,"runtime":"python"\#(more)}"#) }
        return peer
    }

    /// As SDKs do: void, without invocation id.
    func register(_ peer: TestPeer, _ data: String) throws {
        try peer.send(
            """
            {"type":"invokefunction","function_id":"engine::workers::register","data":\(data),"action":{"type":"void"}}
            """
        )
    }

    /// The values of one key over the rows of a list.
    func column(_ key: String, of list: String, _ function: String, _ data: String = "{}") throws -> [String] {
        let rows = try #require(try result(function, data)[list]?.array)
        return rows.map { $0[key]?.string ?? "null" }
    }
}

/// Stands for another in-process worker: two functions and the type `state`.
private final class StateStandIn: Worker {
    let type = "iii-state"
    let summary = "Distributed key-value state management."
    let provider = TestProvider()

    func initialize(_ engine: Engine) {
        for id in ["state::set", "state::get"] {
            engine.register(FunctionDescription(id: id, description: "State function"), worker: type) { _, reply in
                reply(.success(.null))
            }
        }
        engine.register(
            TriggerTypeDescription(id: "state", description: "State changes"),
            provider: provider,
            worker: type
        )
    }
}
