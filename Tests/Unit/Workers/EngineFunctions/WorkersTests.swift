import Testing

@testable import Engine
@testable import Workers

/// `engine::workers::list`, `info` and `register` (engine-functions.md §6).
struct WorkersTests {
    private static let list = "engine::workers::list"
    private static let info = "engine::workers::info"

    // MARK: list

    @Test func rowsHaveAllKeys() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(
            "orders",
            functions: ["orders::a", "orders::b"],
            more: #","version":"0.22.1","os":"linux 6.1","isolation":"docker","description":"Orders""#
        )
        let rows = try #require(try test.result(Self.list)["workers"]?.array)
        let expected = """
            {"name":"orders","description":"Orders","version":"0.22.1","id":"\(peer.id)","runtime":"python",
             "os":"linux 6.1","status":"connected","function_count":2,"connected_at_ms":1760000000000,
             "active_invocations":0,"isolation":"docker","ip_address":"10.0.0.7"}
            """
        #expect(rows.last == (try json(expected)))
        let inProcess = """
            {"name":"iii-state","description":"Distributed key-value state management.","version":"1.2.3","id":"iii-state#1",
             "runtime":"engine","os":null,"status":"available","function_count":2,"connected_at_ms":1760000000000,
             "active_invocations":0,"isolation":"in-process","ip_address":null}
            """
        #expect(rows[2] == (try json(inProcess)))
        #expect(rows.map { $0["id"]?.string } == ["iii-engine-functions", "iii-state", "iii-state#1", peer.id])
    }

    @Test func workersWithoutPidAreLeftOut() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        #expect(try test.column("id", of: "workers", Self.list).count == 3)
        try test.register(peer, #"{"name":"late"}"#)
        #expect(try test.column("id", of: "workers", Self.list).count == 3)
        try test.register(peer, #"{"pid":1}"#)
        #expect(try test.column("name", of: "workers", Self.list).contains("late"))
        try peer.disconnect()
        #expect(try test.column("id", of: "workers", Self.list).count == 3)
    }

    @Test func namelessRowsShowNulls() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil, ip: nil)
        try test.register(peer, #"{"pid":1}"#)
        let row = try #require(
            try test.result(Self.list, #"{"status":"connected"}"#)["workers"]?.array?.first
        )
        for key in ["name", "description", "version", "os", "isolation", "ip_address"] { #expect(row[key] == .null) }
        #expect(row["runtime"] == "unknown")
    }

    @Test(
        arguments: [
            ("{}", ["iii-engine-functions", "iii-state", "iii-state", "mail", "Orders"]),
            ("null", ["iii-engine-functions", "iii-state", "iii-state", "mail", "Orders"]),
            (#"{"search":"ORD"}"#, ["Orders"]),
            (#"{"search":""}"#, ["iii-engine-functions", "iii-state", "iii-state", "mail", "Orders"]),
            (#"{"runtime":"python"}"#, ["mail", "Orders"]),
            (#"{"runtime":"engine","search":"state"}"#, ["iii-state", "iii-state"]),
            (#"{"runtime":"pyth"}"#, []),
            (#"{"status":"available"}"#, ["iii-engine-functions", "iii-state", "iii-state"]),
            (#"{"status":"busy"}"#, []),
        ] as [(String, [String])]
    )
    func filters(data: String, expected: [String]) throws {
        let test = try DiscoveryEngine()
        for name in ["Orders", "mail"] { _ = try test.worker(name) }
        // Byte order: upper case first.
        let names = try test.column("name", of: "workers", Self.list, data)
        #expect(names == expected.sorted { Name($0) < Name($1) })
    }

    // MARK: info

    @Test func surfaceOfAConnectedWorker() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker("shop", functions: ["shop::b", "shop::a", "engine::queue::enqueue"])
        try peer.send(#"{"type":"registerfunction","id":"shop::c","metadata":{"internal":true}}"#)
        try peer.send(#"{"type":"registertriggertype","id":"placed","description":"d"}"#)
        try peer.send(#"{"type":"registertrigger","id":"b","trigger_type":"state","function_id":"shop::a","config":1}"#)
        try peer.send(
            #"{"type":"registertrigger","id":"c","trigger_type":"state","function_id":"state::get","config":1}"#
        )
        let info = try test.result(Self.info, #"{"name":"shop"}"#)
        #expect(info.object?.map(\.key) == ["worker", "functions", "trigger_types", "registered_triggers"])
        #expect(info["worker"]?["pid"] == 4711)
        #expect(info["worker"]?["internal"] == false)
        #expect(info["worker"]?["latest_metrics"] == nil)
        #expect(
            info["functions"]?.array?.map { $0["function_id"]?.string }
                == ["engine::queue::enqueue", "shop::a", "shop::b", "shop::c"]
        )
        #expect(info["trigger_types"] == [["id": "placed", "worker_name": "shop", "description": "d"]])
        #expect(info["registered_triggers"]?.array?.map { $0["id"]?.string } == ["b"])
    }

    @Test func surfaceOfAnInProcessWorker() throws {
        let test = try DiscoveryEngine()
        // The in-process worker of a name comes first.
        _ = try test.worker("iii-state", functions: ["other::f"])
        let info = try test.result(Self.info, #"{"name":"iii-state"}"#)
        #expect(info["worker"]?["internal"] == false)
        #expect(info["worker"]?["pid"] == nil)
        #expect(info["functions"]?.array?.map { $0["function_id"]?.string } == ["state::get", "state::set"])
        let own = try test.result(Self.info, #"{"name":"iii-engine-functions"}"#)
        #expect(own["worker"]?["internal"] == true)
        #expect(own["worker"]?["function_count"] == 12)
        #expect(own["functions"]?.array?.count == 12)
        #expect(own["trigger_types"]?.array?.count == 2)
    }

    /// Better: the newest of several with one name.
    @Test func newestAmongDuplicateNames() throws {
        let test = try DiscoveryEngine()
        var newest = ""
        for _ in 0..<5 {
            test.test.advance(by: .milliseconds(1))
            newest = try test.worker("twin").id
        }
        #expect(try test.result(Self.info, #"{"name":"twin"}"#)["worker"]?["id"]?.string == newest)
    }

    @Test func workersWithoutPidAreFound() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(peer, #"{"name":"quiet"}"#)
        let worker = try #require(try test.result(Self.info, #"{"name":"quiet"}"#)["worker"])
        #expect(worker["pid"] == nil)
        #expect(worker["id"]?.string == peer.id)
    }

    @Test(arguments: [
        (#"{"name":"X"}"#, "NOT_FOUND: Worker 'X' is not connected."),
        ("{}", "deserialization_error: Failed to deserialize input for engine::workers::info: missing field `name`"),
    ])
    func infoErrors(data: String, expected: String) throws {
        #expect(try DiscoveryEngine().failure(Self.info, data) == expected)
    }

    // MARK: register

    private func connection(_ peer: TestPeer, _ test: DiscoveryEngine) throws -> WorkerConnection {
        try #require(UUID(peer.id).flatMap { test.engine.connection($0) })
    }

    @Test(arguments: [
        "{}", "null", #"{"_caller_worker_id":"nonsense"}"#, #"{"namespace":"x","features":["observe.v1"]}"#,
    ])
    func leastRegistration(data: String) throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        #expect(try test.result("engine::workers::register", data, from: peer) == ["success": true])
        let info = try connection(peer, test).info
        #expect(info.runtime == "unknown")
        #expect(info.name == nil && info.version == nil && info.pid == nil && info.telemetry == nil)
    }

    @Test func whatIsOverwrittenAndWhatIsKept() throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(
            peer,
            """
            {"name":"a","description":"d","runtime":"node","version":"1","os":"linux","pid":7,"isolation":"i",\
            "telemetry":{"language":"js","framework":"iii-node","amplitude_api_key":"secret","project_name":null}}
            """
        )
        var info = try connection(peer, test).info
        #expect(info.telemetry?.description == #"{"language":"js","framework":"iii-node"}"#)
        try test.register(peer, #"{"name":"  ","version":null}"#)
        info = try connection(peer, test).info
        #expect(
            info.name == "a" && info.description == "d" && info.os == "linux" && info.isolation == "i" && info.pid == 7
        )
        #expect(info.runtime == "unknown" && info.version == nil && info.telemetry == nil)
    }

    /// Better: a bad key is ignored, the rest is kept; upstream leaves the worker nameless and hidden.
    @Test(arguments: ["pid", "os", "version", "runtime", "isolation", "description", "telemetry"])
    func badKeysAreIgnoredOneByOne(key: String) throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(peer, #"{"name":"sturdy","\#(key)":[1]}"#)
        let info = try connection(peer, test).info
        #expect(info.name == "sturdy")
        #expect(info.runtime == "unknown")
    }

    @Test(
        arguments: [
            ("\"12\"", nil), ("-1", nil), ("1.5", nil), ("4294967295", .max), ("4294967296", nil), ("0", 0),
        ] as [(String, UInt32?)]
    )
    func pids(text: String, expected: UInt32?) throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(peer, #"{"pid":\#(text)}"#)
        #expect(try connection(peer, test).info.pid == expected)
    }

    @Test(
        arguments: [
            (#" a\u0000b\u001b[31m\n "#, "ab[31m"), (#"\u202Ax\u202E\u2066y\u2069\u2028\u2029"#, "xy"),
            (#"\u007f\u009f"#, nil),
            (#"\n\t\u0000"#, nil), ("", nil), ("é è", "é è"), (#"\ud83d\ude00"#, "😀"), (#"\u00a0x\u00a0"#, "x"),
        ] as [(String, String?)]
    )
    func textsAreSanitised(text: String, expected: String?) throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(
            peer,
            #"{"name":"\#(text)","description":"\#(text)","os":"\#(text)","version":"\#(text)","isolation":"\#(text)"}"#
        )
        let info = try connection(peer, test).info
        for value in [info.name, info.description, info.os, info.version, info.isolation] {
            #expect(value.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
        }
    }

    @Test(arguments: [279, 280, 281, 5000])
    func textsAreCut(count: Int) throws {
        let test = try DiscoveryEngine()
        let peer = try test.worker(nil)
        try test.register(peer, #"{"name":"\#(String(repeating: "é", count: count))"}"#)
        #expect(try connection(peer, test).info.name?.unicodeScalars.count == min(count, 280))
    }

    /// Nobody can register for somebody else, whatever they claim.
    @Test func identityIsTheConnection() throws {
        let test = try DiscoveryEngine()
        let (victim, forger) = (try test.worker("victim"), try test.worker("forger"))
        try test.register(forger, #"{"_caller_worker_id":"\#(victim.id)","name":"changed"}"#)
        #expect(try connection(victim, test).info.name == "victim")
        #expect(try connection(forger, test).info.name == "changed")
    }

    @Test(arguments: ["[]", "1", "\"x\""])
    func otherPayloadsAreRefused(data: String) throws {
        let failure = try DiscoveryEngine().failure("engine::workers::register", data)
        #expect(failure.hasPrefix("deserialization_error: "))
        #expect(failure.hasSuffix("expected struct WorkersRegisterInput"))
    }
}
