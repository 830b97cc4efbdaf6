import Adapters
import NIOCore
import NIOPosix
import Storage
import Testing

@testable import Engine
@testable import Workers

#if canImport(Glibc)
    import Glibc
#endif

/// `iii-state` on a real store, on a real event loop.
@Suite struct DurableStateTests {
    @Test func everythingIsThereAfterReopening() throws {
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            for (key, value) in [("b", "1"), ("a", "2"), ("c", "3"), ("a", "4")] {
                _ = try state.call("state::set", #"{"scope":"s","key":"\#(key)","value":\#(value)}"#)
            }
            _ = try state.call("state::set", #"{"scope":"gone","key":"k","value":1}"#)
            _ = try state.call("state::delete", #"{"scope":"gone","key":"k"}"#)
            _ = try state.call("state::set", #"{"scope":"","key":"","value":null}"#)
            _ = try state.call("state::set", #"{"scope":"s","key":"big","value":12345678901234567890123}"#)
        }
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            #expect(try state.call("state::list", #"{"scope":"s"}"#) == "[1,4,3,12345678901234567890123]")
            #expect(try state.call("state::list_groups", "{}") == #"{"groups":["","s"]}"#)
            #expect(try state.call("state::get", #"{"scope":"","key":""}"#) == "null")
            #expect(try state.call("state::get", #"{"scope":"gone","key":"k"}"#) == nil)
        }
    }

    /// A key that is deleted and written again goes to the end, also when it was the last one and across restarts.
    @Test func orderSurvivesDeletionAndRestart() throws {
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            for key in ["a", "b", "c"] {
                _ = try state.call("state::set", #"{"scope":"s","key":"\#(key)","value":"\#(key)"}"#)
            }
            _ = try state.call("state::delete", #"{"scope":"s","key":"c"}"#)
            _ = try state.call("state::delete", #"{"scope":"s","key":"a"}"#)
        }
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            for key in ["a", "c"] {
                _ = try state.call("state::set", #"{"scope":"s","key":"\#(key)","value":"\#(key)"}"#)
            }
            #expect(try state.call("state::list", #"{"scope":"s"}"#) == #"["b","a","c"]"#)
        }
    }

    /// Names of any length: beyond 400 bytes the store's key is a prefix and a hash, so all that differs may come late.
    @Test func longNamesAreKeptApart() throws {
        let directory = try TemporaryDirectory()
        let common = String(repeating: "long ", count: 1980)
        let names = [common + String(repeating: "a", count: 340), common + String(repeating: "b", count: 340), common]
        let exact = [399, 400, 401].map { String(repeating: "n", count: $0) }
        let all = names + exact
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            for (index, name) in all.enumerated() {
                _ = try state.call("state::set", #"{"scope":"s","key":"\#(name)","value":\#(index)}"#)
                _ = try state.call("state::set", #"{"scope":"\#(name)","key":"k","value":\#(index)}"#)
            }
        }
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            for (index, name) in all.enumerated() {
                #expect(try state.call("state::get", #"{"scope":"s","key":"\#(name)"}"#) == "\(index)")
                #expect(try state.call("state::get", #"{"scope":"\#(name)","key":"k"}"#) == "\(index)")
            }
            let groups = (all + ["s"]).sorted().map { "\"\($0)\"" }.joined(separator: ",")
            #expect(try state.call("state::list_groups", "{}") == #"{"groups":[\#(groups)]}"#)
            _ = try state.call("state::delete", #"{"scope":"s","key":"\#(names[0])"}"#)
            #expect(try state.call("state::list", #"{"scope":"s"}"#) == "[1,2,3,4,5]")
            #expect(try state.call("state::get", #"{"scope":"s","key":"\#(names[1])"}"#) == "1")
        }
    }

    /// Scopes and keys against a model in memory: both adapters must agree on every answer, with restarts between.
    @Test(arguments: [UInt64(1), 2, 3])
    func agreesWithTheInMemoryAdapter(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let model = StateHarness()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<4 {
            let calls = (0..<150).map { _ in Self.randomCall(&random) }
            let expected = try calls.map { try model.call($0.0, $0.1) }
            let actual = try DurableState.run(in: directory.path) { (state: DurableState) throws in
                try calls.map { try state.call($0.0, $0.1) }
            }
            #expect(actual == expected, "seed \(seed)")
        }
    }

    private static func randomCall(_ random: inout SeededGenerator) -> (String, String) {
        let scope = ["a", "b", "", "\u{E9}"].randomElement(using: &random) ?? ""
        let key = ["k", "l", "m", "", "e\u{301}"].randomElement(using: &random) ?? ""
        let place = #""scope":"\#(scope)","key":"\#(key)""#
        switch Int.random(in: 0..<8, using: &random) {
        case 0...2: return ("state::set", "{\(place),\"value\":\(Int.random(in: 0..<100, using: &random))}")
        case 3: return ("state::delete", "{\(place)}")
        case 4: return ("state::get", "{\(place)}")
        case 5: return ("state::update", "{\(place),\"ops\":[{\"type\":\"increment\",\"path\":\"\",\"by\":1}]}")
        case 6: return ("state::list", #"{"scope":"\#(scope)"}"#)
        default: return ("state::list_groups", "{}")
        }
    }

    /// A scope is gone with its last key and no sooner, whatever lies between that key and those deleted before it: the
    /// store looks near the deleted one first (`Neighbourhood`).
    @Test(arguments: [1, 2, 33, 34, 70, 4300])
    func aScopeGoesWithItsLastKey(keys: Int) throws {
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            func call(_ function: String, _ numbers: some Sequence<Int>) throws {
                let calls = numbers.map { (function, #"{"scope":"s","key":"\#($0)","value":1}"#) }
                for case .failure(let error) in try state.callAll(calls) { throw error }
            }
            for order in keys > 1000 ? ["ends last"] : ["forwards", "backwards", "ends last"] {
                try call("state::set", 0..<keys)
                switch order {
                case "forwards": try call("state::delete", 0..<(keys - 1))
                case "backwards": try call("state::delete", (1..<keys).reversed())
                default: try call("state::delete", 1..<max(1, keys - 1))
                }
                #expect(try state.call("state::list_groups", "{}") == #"{"groups":["s"]}"#, "\(order)")
                try call("state::delete", [0, keys - 1])
                #expect(try state.call("state::list_groups", "{}") == #"{"groups":[]}"#, "\(order)")
            }
        }
    }

    /// Two workers that name one path share one store (storage.md §1); it closes with the last of them.
    @Test func oneStorePerPath() throws {
        let directory = try TemporaryDirectory()
        let registry = StoreRegistry(options: StorageOptions())
        let first = try registry.open(directory.path, for: "first")
        let second = try registry.open(directory.path + "/./", for: "second")
        #expect(first === second)
        try first.release()
        #expect(registry.all.count == 1)
        try second.release()
        #expect(registry.all.isEmpty)
        try registry.open(directory.path, for: "third").release()
    }

    /// More than the store takes at once: nothing fails, nothing is lost, order holds.
    @Test func aSaturatedStoreMakesOperationsWait() throws {
        let directory = try TemporaryDirectory()
        var options = StorageOptions()
        options.maximumPendingTransactions = 8
        try DurableState.run(in: directory.path, options: options) { (state: DurableState) throws in
            let outcomes = try state.callAll(
                (0..<500).map { _ in
                    ("state::update", #"{"scope":"s","key":"n","ops":[{"type":"increment","path":"","by":1}]}"#)
                }
            )
            let values = outcomes.map { outcome -> Int? in
                guard case .success(let value?) = outcome else { return nil }
                return (try? value.parse())?["new_value"]?.int
            }
            #expect(values == (1...500).map { $0 })
        }
    }
}

/// Runs state calls on a loop of its own against the store in a directory.
struct DurableState {
    private let engine: NIOLoopBound<Engine>
    private let loop: any EventLoop

    static func run<R>(
        in path: String,
        options: StorageOptions = StorageOptions(),
        _ body: (DurableState) throws -> R
    ) throws -> R {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        var options = options
        options.deliver = { resume in loop.execute(resume) }
        let setUp = try loop.submit { [options] in
            let registry = StoreRegistry(options: options)
            let adapter = DurableStateAdapter(store: try registry.open(path, for: "iii-state"), loop: loop)
            let engine = Engine(loop: loop)
            let worker = StateWorker(configuration: StateConfiguration(), adapter: adapter)
            worker.initialize(engine)
            return (NIOLoopBound(engine, eventLoop: loop), NIOLoopBound(worker, eventLoop: loop))
        }.wait()
        defer { try? loop.flatSubmit { setUp.1.value.stop(setUp.0.value) }.wait() }
        return try body(DurableState(engine: setUp.0, loop: loop))
    }

    func call(_ function: String, _ data: String) throws -> String? {
        switch try callAll([(function, data)])[0] {
        case .success(let value): return value?.description
        case .failure(let error): throw error
        }
    }

    /// Starts all calls in one turn of the loop, then waits for all.
    func callAll(_ calls: [(String, String)]) throws -> [InvocationOutcome] {
        let engine = engine
        let loop = loop
        return try loop.flatSubmit {
            let futures = calls.map { function, data in
                let promise = loop.makePromise(of: InvocationOutcome.self)
                engine.value.invoke(function, data: RawJSON(validated: ByteBuffer(string: data))) {
                    promise.succeed($0)
                }
                return promise.futureResult
            }
            return EventLoopFuture.whenAllSucceed(futures, on: loop)
        }.wait()
    }
}

/// A directory that goes with the test.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/iii-test-XXXXXX".utf8CString)
        let made = mkdtemp(&template)
        path = try #require(made.map { String(cString: $0) })
    }

    deinit {
        system("rm -rf '\(path)'")
    }
}
