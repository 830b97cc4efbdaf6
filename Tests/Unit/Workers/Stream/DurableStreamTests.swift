import Glibc
import NIOEmbedded
import Storage
import Synchronization
import Testing

@testable import Adapters
@testable import Engine
@testable import Workers

/// Streams on a store: what survives, what can be resumed, what the limits remove.
@Suite struct DurableStreamTests {
    @Test func everythingIsThereAfterReopening() throws {
        let store = try StreamStore()
        try store.run { (streams: OpenStreams) throws in
            try streams.set("b", "1")
            try streams.set("a", "2")
            try streams.set("b", "3")
            try streams.set("x", "4", StreamGroup(stream: "s", group: "other"))
            try streams.set("x", "5", StreamGroup(stream: "gone", group: "g"))
            #expect(try streams.events().count == 5)
        }
        try store.run { (streams: OpenStreams) throws in
            #expect(try streams.list() == "[3,2]")
            #expect(try streams.listings() == ["gone: g", "s: g other"])
            try streams.delete("b")
            try streams.delete("a")
            try streams.delete("nobody")
            #expect(try streams.listings() == ["gone: g", "s: other"])
            #expect(try streams.events() == ["delete b 3", "delete a 2"])
        }
    }

    @Test func positionsSurviveReopening() throws {
        let store = try StreamStore()
        let position = try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "1")
            let position = try streams.position()
            try streams.set("a", "2")
            try streams.send("\"hello\"")
            return position
        }
        let last = try store.run { (streams: OpenStreams) throws in
            try streams.delete("a")
            #expect(try streams.missed(since: position) == ["update a 2", "event - \"hello\"", "delete a 2"])
            return try streams.position()
        }
        try store.run { (streams: OpenStreams) throws in
            #expect(try streams.missed(since: last) == [])
            #expect(try streams.missed(since: last + "0") == ["unknown"])
            #expect(try streams.missed(since: "0" + last) == ["unknown"])
            #expect(try streams.missed(since: position).count == 3)
        }
    }

    /// Before, a restored store gave the positions that it had forgotten to other events: who had seen the old ones went on
    /// behind the new ones.
    @Test func positionsFromBeforeARestoreAreUnknown() throws {
        let store = try StreamStore()
        let path = store.directory.path
        let backup = path + ".backup"
        defer { for path in [backup, path + ".old"] { try? removeTree(path) } }
        let kept = try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "1")
            return try streams.position()
        }
        let disk = try Store.open(path: path)
        _ = try disk.backup(to: backup)
        try disk.close()
        let forgotten = try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "2")
            #expect(try streams.missed(since: kept) == ["update a 2"])
            return try streams.position()
        }
        #expect(rename(path, path + ".old") == 0)
        _ = try StoreRestore.run(backup: backup, target: path)
        let restored = try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "3")
            try streams.set("a", "4")
            for position in [kept, forgotten] { #expect(try streams.missed(since: position) == ["unknown"]) }
            return try streams.position()
        }
        try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "5")
            #expect(try streams.missed(since: restored) == ["update a 5"])
        }
    }

    private func removeTree(_ path: String) throws {
        for folder in ["/wal", "/snapshot", "/quarantine", ""] {
            guard let handle = opendir(path + folder) else { continue }
            defer { closedir(handle) }
            while let entry = readdir(handle) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink("\(path)\(folder)/\(name)")
            }
            rmdir(path + folder)
        }
    }

    /// A snapshot says which events are in it: those up to its position and no others.
    @Test func snapshotsAndEventsFitTogether() throws {
        try StreamStore().run { (streams: OpenStreams) throws in
            for n in 1...20 {
                try streams.set("n", "\(n)")
                let snapshot = try streams.snapshot()
                #expect(snapshot.data?.description == "[\(n)]" && snapshot.ids?.description == #"["n"]"#)
                let position = try streams.position()
                try streams.set("n", "\(n)")
                #expect(try streams.missed(since: position) == ["update n \(n)"])
            }
        }
    }

    @Test func oldEventsAreForgottenOnDiskToo() throws {
        let store = try StreamStore()
        var configuration = StreamConfiguration()
        configuration.history.events = 10
        let position = try store.run(configuration) { (streams: OpenStreams) throws in
            let first = try streams.position()
            for n in 1...3000 { try streams.set("n", "\(n)") }
            #expect(try streams.missed(since: first) == ["tooOld"])
            return first
        }
        try store.run { (streams: OpenStreams) throws in
            #expect(try streams.missed(since: position) == ["tooOld"], "larger limits bring nothing back")
        }
        let reader = try StoreReader(path: store.directory.path, keys: EncryptionKeys())
        var rows = 0
        try reader.scan(TableID(rawValue: 11)) { _, _ in
            rows += 1
            return true
        }
        #expect(rows < 2000, "\(rows) of 3000 rows are left: they go in batches")
    }

    /// Found by `Tests/Crash`: rows that the history passed while it was loaded stayed when later ones were removed, and
    /// the opening after that met events older than the floor.
    @Test func whatTheHistoryPassedAtAnOpeningIsRemovedToo() throws {
        let store = try StreamStore()
        var configuration = StreamConfiguration()
        configuration.history.events = 10
        for count in [100, 5000, 1] {
            try store.run(configuration) { (streams: OpenStreams) throws in
                for n in 0..<count { try streams.send("\(n)") }
            }
        }
        try store.run(configuration) { (streams: OpenStreams) throws in
            let position = try streams.position()
            for n in 0..<10 { try streams.send("\(n)") }
            #expect(try streams.missed(since: position).count == 10)
            try streams.send("10")
            #expect(try streams.missed(since: position) == ["tooOld"])
        }
    }

    @Test func oldEventsAreForgottenOnDiskByTheirBytesToo() throws {
        let store = try StreamStore()
        var configuration = StreamConfiguration()
        configuration.history.bytes = 1 << 20
        let value = "\"\(String(repeating: "x", count: 256 << 10))\""
        let position = try store.run(configuration) { (streams: OpenStreams) throws in
            for _ in 0..<60 { try streams.set("n", value) }
            let position = try streams.position()
            try streams.set("n", "1")
            return position
        }
        try store.run(configuration) { (streams: OpenStreams) throws in
            #expect(try streams.missed(since: position) == ["update n 1"])
        }
        var bytes = 0
        try StoreReader(path: store.directory.path, keys: EncryptionKeys()).scan(TableID(rawValue: 11)) { _, row in
            bytes += row.count
            return true
        }
        #expect(bytes < 10 << 20, "\(bytes) bytes of 15 MiB are left: they go 8 MiB at a time")
    }

    /// A value has room in a transaction where a value and its event have none. Later events are kept again.
    @Test func aValueThatLeavesNoRoomForItsEvent() throws {
        let store = try StreamStore()
        let value = "\"\(String(repeating: "x", count: 40 << 20))\""
        var positions: [String] = []
        try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "1")
            positions.append(try streams.position())
            try streams.set("big", value)
            #expect(try streams.events().map(\.utf8.count).last ?? 0 > 40 << 20, "it is told all the same")
            positions.append(try streams.position())
            try streams.set("a", "2")
            positions.append(try streams.position())
            try streams.set("a", "3")
            #expect(try streams.missed(since: positions[0]) == ["tooOld"])
            #expect(try streams.missed(since: positions[1]) == ["update a 2", "update a 3"])
        }
        try store.run { (streams: OpenStreams) throws in
            #expect(try streams.list().utf8.count > 40 << 20)
            #expect(try streams.missed(since: positions[0]) == ["tooOld"])
            #expect(try streams.missed(since: positions[1]) == ["update a 2", "update a 3"])
            #expect(try streams.missed(since: positions[2]) == ["update a 3"])
        }
    }

    /// While no events are kept, none can be missed without a word; and switching it on again begins anew.
    @Test func historyOffAndOn() throws {
        let store = try StreamStore()
        var off = StreamConfiguration()
        off.history.events = 0
        let before = try store.run { (streams: OpenStreams) throws in
            try streams.set("a", "1")
            return try streams.position()
        }
        let between = try store.run(off) { (streams: OpenStreams) throws in
            try streams.set("a", "2")
            try streams.send("1")
            #expect(try streams.missed(since: before) == ["tooOld"])
            let position = try streams.position()
            #expect(try streams.missed(since: position) == [])
            return position
        }
        try store.run(off) { (streams: OpenStreams) throws in try streams.set("a", "3") }
        try store.run { (streams: OpenStreams) throws in
            #expect(try streams.missed(since: before) == ["tooOld"])
            #expect(try streams.missed(since: between) == ["tooOld"])
            let position = try streams.position()
            try streams.set("a", "4")
            #expect(try streams.missed(since: position) == ["update a 4"])
        }
    }
}

/// Limits of a group by count, bytes and age, in memory and on disk.
@Suite struct StreamRetentionTests {
    private func configuration(items: Int? = nil, bytes: Int? = nil, age: Int64? = nil) -> StreamConfiguration {
        var configuration = StreamConfiguration()
        configuration.retention.items = items
        configuration.retention.bytes = bytes
        configuration.retention.ageMilliseconds = age
        return configuration
    }

    @Test func theOldestGo() throws {
        let store = try StreamStore()
        try store.run(configuration(items: 3)) { (streams: OpenStreams) throws in
            for n in 1...5 { try streams.set("i\(n)", "\(n)") }
            #expect(try streams.list() == "[3,4,5]")
            #expect(try streams.events().suffix(3) == ["create i4 4", "delete i2 2", "create i5 5"])
            try streams.set("i3", "33")
            #expect(try streams.list() == "[33,4,5]")
        }
        try store.run(configuration(items: 2)) { (streams: OpenStreams) throws in
            try streams.set("i3", "333")
            #expect(try streams.list() == "[333,5]", "the item that was just written stays, old as it is")
        }
        // Lifted and set again: sizes are measured anew.
        try store.run { (streams: OpenStreams) throws in for n in 6...9 { try streams.set("i\(n)", "\(n)") } }
        try store.run(configuration(items: 2)) { (streams: OpenStreams) throws in
            try streams.set("x", "0")
            #expect(try streams.list() == "[9,0]")
        }
    }

    @Test func bytesCount() throws {
        try StreamStore().run(configuration(bytes: 10)) { (streams: OpenStreams) throws in
            try streams.set("a", "\"aaaa\"")
            try streams.set("b", "\"bb\"")
            #expect(try streams.list() == #"["aaaa","bb"]"#)
            try streams.set("c", "1")
            #expect(try streams.list() == #"["bb",1]"#)
            try streams.delete("b")
            try streams.set("d", "\"dddddd\"")
            #expect(try streams.list() == #"[1,"dddddd"]"#)
            #expect(throws: AdapterError.self) { _ = try streams.set("e", "\"12345678901\"") }
            #expect(try streams.list() == #"[1,"dddddd"]"#)
        }
    }

    /// A limit that is set later meets groups far beyond it: one write removes as much as a transaction takes.
    @Test(arguments: [(items: 1200, bytes: 1, left: 701), (items: 30, bytes: 1 << 20, left: 22)])
    func whatIsTooMuchGoesInSteps(_ shape: (items: Int, bytes: Int, left: Int)) throws {
        let store = try StreamStore()
        let value = String(repeating: "1", count: shape.bytes)
        try store.run { (streams: OpenStreams) throws in
            for n in 0..<shape.items { try streams.set("i\(n)", value) }
        }
        try store.run(configuration(items: 1)) { (streams: OpenStreams) throws in
            try streams.set("last", "0")
            let left = try JSON.parse(Array(streams.list().utf8)).array?.count ?? 0
            #expect(abs(left - shape.left) < 3, "\(left)")
            for _ in 0..<4 { try streams.set("last", "0") }
            #expect(try streams.list() == "[0]")
        }
    }

    /// In memory and on disk the same calls leave the same.
    @Test(arguments: [UInt64(1), 2, 3])
    func bothAdaptersAgree(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let configuration = configuration(items: 4, bytes: 40)
        let memory = StreamHarness(configuration)
        try StreamStore().run(configuration) { (streams: OpenStreams) throws in
            for _ in 0..<300 {
                let id = ["a", "b", "c", "d", "e", "f"].randomElement(using: &random) ?? ""
                if Int.random(in: 0..<5, using: &random) == 0 {
                    try streams.delete(id)
                    try memory.delete(id)
                } else {
                    let value = "\"\(String(repeating: "v", count: Int.random(in: 0..<20, using: &random)))\""
                    try streams.set(id, value)
                    try memory.set(id, value)
                }
                #expect(try streams.list() == memory.list(), "seed \(seed)")
            }
        }
    }

    @Test func itemsAge() throws {
        let streams = StreamHarness(configuration(age: 1000))
        let peer = try streams.connect()
        try peer.join()
        try streams.set("a", "1")
        streams.advance(milliseconds: 600)
        try streams.set("b", "2")
        try streams.set("a", "3")
        streams.advance(milliseconds: 399)
        #expect(try streams.list() == "[3,2]")
        streams.advance(milliseconds: 1)
        #expect(try streams.list() == "[2]")
        streams.advance(milliseconds: 600)
        #expect(try streams.list() == "[]")
        #expect(
            try peer.events()
                == ["sync []", "create a 1", "create b 2", "update a 3", "delete a 3", "delete b 2"]
        )
        try streams.set("c", "4")
        streams.advance(milliseconds: 1000)
        #expect(try streams.list() == "[]")
    }

    /// Ages survive a restart; items from before the limit count from the first start with it.
    @Test func agesOnDisk() throws {
        let store = try StreamStore()
        _ = try store.run { (streams: OpenStreams) throws in try streams.set("old", "1") }
        _ = try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in try streams.set("new", "2") }
        store.milliseconds.withLock { $0 += 999 }
        try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in
            #expect(try streams.list() == "[1,2]")
        }
        store.milliseconds.withLock { $0 += 1 }
        try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in
            try streams.wait { try streams.list() == "[]" }
            #expect(try streams.events(2) == ["delete old 1", "delete new 2"])
            #expect(try streams.listings() == [])
        }
    }

    /// What comes into a store by itself, an adopted volume, say, gets its age at the next start.
    @Test func importedItemsAge() throws {
        let store = try StreamStore()
        _ = try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in try streams.list() }
        let file = try Store.open(path: store.directory.path)
        var content = try ContentImport(store: file, .stream)
        try content.add(["s", "g"], [(key: "k", value: Bytes("1".utf8))])
        try content.finish()
        try file.close()
        try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in
            #expect(try streams.list() == "[1]")
        }
        store.milliseconds.withLock { $0 += 1000 }
        try store.run(configuration(age: 1000)) { (streams: OpenStreams) throws in
            try streams.wait { try streams.list() == "[]" }
            #expect(try streams.events(1) == ["delete k 1"])
        }
    }
}

/// The timer of ages by itself.
@Suite struct StreamExpiryTests {
    private let loop = EmbeddedEventLoop()

    /// A group that is emptied and filled again while it is being expired is watched for what came.
    @Test func aGroupThatIsFilledAgainMeanwhile() {
        let clock = ManualClock()
        let expiry = StreamExpiry(age: 100, loop: loop, clock: EngineClock { clock.now })
        let group = StreamGroup(stream: "s", group: "g")
        var answers: [(upTo: Int64, done: (Int64?) -> Void)] = []
        expiry.expire = { _, upTo, done in answers.append((upTo, done)) }
        func advance(_ milliseconds: Int64) {
            clock.advance(milliseconds)
            loop.advanceTime(by: .milliseconds(milliseconds))
        }
        expiry.add(group, created: 0)
        advance(100)
        #expect(answers.map(\.upTo) == [0])
        advance(10)
        expiry.add(group, created: 110)
        expiry.add(group, created: 105)
        answers[0].done(nil)
        advance(94)
        #expect(answers.count == 1)
        advance(1)
        #expect(answers.map(\.upTo) == [0, 105])
        // Empty now: it is new when it comes again.
        answers[1].done(nil)
        advance(1000)
        #expect(answers.count == 2)
        expiry.add(group, created: clock.now)
        advance(100)
        #expect(answers.count == 3)
        expiry.stop()
    }
}

private final class ManualClock: Sendable {
    private let milliseconds = Mutex<Int64>(0)

    var now: Int64 { milliseconds.withLock { $0 } }

    func advance(_ amount: Int64) {
        milliseconds.withLock { $0 += amount }
    }
}
