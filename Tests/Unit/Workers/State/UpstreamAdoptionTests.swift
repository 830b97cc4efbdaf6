import Storage
import Testing

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#endif

/// The first start on an upstream `file_path`: everything is taken once, whenever it is cut short.
@Suite struct UpstreamAdoptionTests {
    /// What a store holds, in order.
    private typealias Content = [String]

    private struct Stop: Error {}

    private static let scopes: [(index: String, entries: [(key: String, value: [UInt8])])] = [
        ("", [(key: "", value: Array("null".utf8))]),
        (
            "big",
            (0..<3).map { (key: "\($0)", value: Array("\"\(String(repeating: "x", count: 700_000 + $0))\"".utf8)) }
        ),
        ("empty", []),
        ("many", (0..<2500).map { (key: "\(2500 - $0)", value: Array("\($0)".utf8)) }),
        ("s", ["c", "a", "b", String(repeating: "k", count: 700)].map { (key: $0, value: Array("{\"v\":1}".utf8)) }),
        ("stream:alone", [(key: "k", value: Array("1".utf8))]),
    ]
    private static let groups: [(index: String, entries: [(key: String, value: [UInt8])])] = [
        ("stream:chat:1", [(key: "m2", value: Array("2".utf8)), (key: "m1", value: Array("1".utf8))]),
        ("stream:chat:empty", []),
        ("stream:chat:2:3", (0..<1200).map { (key: "m\($0)", value: Array("\($0)".utf8)) }),
        ("stream:chat-2:1", [(key: "", value: Array("\"é\"".utf8))]),
        ("stream::", [(key: "no names", value: Array("[]".utf8))]),
    ]

    private func makeVolume(_ path: String, _ indexes: [(index: String, entries: [(key: String, value: [UInt8])])])
        throws
    {
        mkdir(path, 0o700)
        let writer = UpstreamVolumeWriter(path: path)
        for (index, entries) in indexes { try writer.write(index: index, entries) }
    }

    private func expected(_ kind: ContentKind) -> Content {
        (kind == .state ? Self.scopes : Self.groups).flatMap { index, entries in
            entries.map { "\(kind.path(ofIndex: index)) \($0.key) \(String(decoding: $0.value, as: UTF8.self))" }
        }.sorted()
    }

    private func content(_ path: String, _ kind: ContentKind) throws -> Content {
        var lines: Content = []
        try StoredContent(StoreReader(path: path), kind).entries { entry in
            lines.append("\(entry.path) \(entry.key) \(String(decoding: entry.value, as: UTF8.self))")
        }
        return lines
    }

    private func files(_ path: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try UpstreamFiles.list(path, limit: 100) where name.hasSuffix(".bin") || name.hasSuffix(".tmp") {
            files[name] = try UpstreamFiles.read(path + "/" + name, limit: 1 << 24)
        }
        return files
    }

    /// Opens the store, runs the adoption and closes it.
    @discardableResult
    private func adopt(
        _ path: String,
        _ kind: ContentKind = .state,
        owners: Set<UpstreamOwner> = [.state, .stream],
        _ observe: (UpstreamAdoption.Event) throws -> Void = { _ in }
    ) throws -> UpstreamAdoption.Outcome {
        let store = try Store.open(path: path)
        defer { try? store.close() }
        return try UpstreamAdoption(store: store, kind: kind, owners: UpstreamOwners(owners)).run(observe)
    }

    private func put(_ name: String, _ bytes: [UInt8], in path: String) throws {
        let file = try #require(fopen(path + "/" + name, "w"))
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
        fclose(file)
    }

    @Test(arguments: ContentKind.allCases)
    func takenOnce(kind: ContentKind) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/volume"
        try makeVolume(path, Self.scopes + Self.groups)
        try put("users.bin.tmp", [1, 2], in: path)
        let before = try files(path)
        var phases: [UpstreamAdoption.Phase] = []
        let outcome = try adopt(path, kind) { event in
            guard case .progress(let phase, _, _) = event, phases.last != phase else { return }
            phases.append(phase)
        }
        guard case .adopted(let record, let result, let volume) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        let all = kind == .state ? Self.scopes : Self.groups
        #expect(record.progress == .done && record.files == all.count && record.groups == all.count - 1)
        #expect(record.entries == all.reduce(0) { $0 + $1.entries.count })
        #expect(result.counts[kind]?.entries == record.entries && result.counts.count == 1)
        #expect(volume.leftovers == ["users.bin.tmp"] && phases == [.reading, .importing, .comparing])
        #expect(try content(path, kind).sorted() == expected(kind))
        #expect(try files(path) == before, "the files are left alone")
        // Also when the files are gone, changed or damaged by then.
        try put("s.bin", [1], in: path)
        guard case .doneBefore(let known) = try adopt(path, kind) else {
            Issue.record("adopted twice")
            return
        }
        #expect(known == record)
        #expect(try content(path, kind).sorted() == expected(kind))
    }

    /// Order within a group, and of the groups: that of the files.
    @Test func orderIsKept() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes)
        try adopt(directory.path)
        let lines = try content(directory.path, .state)
        #expect(lines.filter { $0.hasPrefix("[\"many\"]") } == (0..<2500).map { "[\"many\"] \(2500 - $0) \($0)" })
    }

    /// Stopped at every point where something may have been written, then started again: everything is there once.
    @Test(arguments: ContentKind.allCases)
    func cutShortAnywhere(kind: ContentKind) throws {
        var steps = 0
        let complete = try TemporaryDirectory()
        try makeVolume(complete.path, Self.scopes + Self.groups)
        try adopt(complete.path, kind) { _ in steps += 1 }
        #expect(steps > 12)
        for stop in 0..<steps {
            let directory = try TemporaryDirectory()
            try makeVolume(directory.path, Self.scopes + Self.groups)
            var step = 0
            #expect(throws: Stop.self) {
                try adopt(directory.path, kind) { _ in
                    defer { step += 1 }
                    if step == stop { throw Stop() }
                }
            }
            var undone = false
            let outcome = try adopt(directory.path, kind) { if case .undoing = $0 { undone = true } }
            guard case .adopted = outcome else {
                Issue.record("stopped at \(stop): \(outcome)")
                return
            }
            let isBeforeFirstRow = stop <= Self.scopes.count && !undone
            #expect(undone || isBeforeFirstRow, "stopped at \(stop)")
            #expect(try content(directory.path, kind) == content(complete.path, kind), "stopped at \(stop)")
        }
    }

    /// Cut short again and again, at a later point each time; and what a cut-short one took never stays with other files.
    @Test func cutShortOften() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes)
        for stop in 4..<18 {
            var step = 0
            _ = try? adopt(directory.path) { _ in
                defer { step += 1 }
                if step == stop { throw Stop() }
            }
        }
        for name in ["many.bin", "big.bin"] { unlink(directory.path + "/" + name) }
        guard case .adopted(let record, _, _) = try adopt(directory.path) else {
            Issue.record("not adopted")
            return
        }
        #expect(record.entries == 6)
        #expect(try content(directory.path, .state).count == 6)
    }

    @Test func cutShortAndTheFilesAreGone() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes)
        var step = 0
        #expect(throws: Stop.self) {
            try adopt(directory.path) { event in
                if case .progress(.importing, _, _) = event { step += 1 }
                if step == 3 { throw Stop() }
            }
        }
        for name in try files(directory.path).keys { unlink(directory.path + "/" + name) }
        guard case .volumeGone = try adopt(directory.path) else {
            Issue.record("the volume is there")
            return
        }
        #expect(try content(directory.path, .state).isEmpty)
        guard case .noVolume = try adopt(directory.path) else {
            Issue.record("the record is there")
            return
        }
    }

    /// One store for both, one record each.
    @Test func bothKindsInOneDirectory() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes + Self.groups)
        let store = try Store.open(path: directory.path)
        for kind in ContentKind.allCases {
            guard
                case .adopted = try UpstreamAdoption(
                    store: store,
                    kind: kind,
                    owners: UpstreamOwners([.state, .stream])
                ).run()
            else {
                Issue.record("\(kind) isn't adopted")
                return
            }
        }
        try store.close()
        for kind in ContentKind.allCases {
            #expect(try content(directory.path, kind).sorted() == expected(kind))
            guard case .doneBefore = try adopt(directory.path, kind) else {
                Issue.record("\(kind) is adopted twice")
                return
            }
        }
    }

    @Test func aStoreWithContentTakesNothing() throws {
        let directory = try TemporaryDirectory()
        let store = try Store.open(path: directory.path)
        var own = try ContentImport(store: store, .state)
        try own.add(["own"], [(key: "k", value: Bytes("1".utf8))])
        try own.finish()
        try store.close()
        guard case .noVolume = try adopt(directory.path) else {
            Issue.record("there is no volume")
            return
        }
        try makeVolume(directory.path, Self.scopes + Self.groups)
        for _ in 0..<2 {
            guard case .notEmpty(let files) = try adopt(directory.path) else {
                Issue.record("mixed")
                return
            }
            #expect(files == Self.scopes.count)
        }
        #expect(try content(directory.path, .state) == ["[\"own\"] k 1"])
        // Emptied, it is no place for old files all the same.
        let emptied = try Store.open(path: directory.path)
        try ContentRemoval(store: emptied, layout: ContentKind.state.layout).run()
        try emptied.close()
        guard case .notEmpty = try adopt(directory.path) else {
            Issue.record("what was deleted came back")
            return
        }
        #expect(try content(directory.path, .state).isEmpty)
        guard case .adopted = try adopt(directory.path, .stream) else {
            Issue.record("streams have none of their own")
            return
        }
    }

    /// Whoever moves passed-over files away and puts others there later wants those.
    @Test func aPassedOverVolumeThatGoesIsForgotten() throws {
        let directory = try TemporaryDirectory()
        let store = try Store.open(path: directory.path)
        var own = try ContentImport(store: store, .state)
        try own.add(["own"], [(key: "k", value: Bytes("1".utf8))])
        try own.finish()
        try store.close()
        try makeVolume(directory.path, Self.scopes)
        guard case .notEmpty = try adopt(directory.path) else {
            Issue.record("mixed")
            return
        }
        for name in try files(directory.path).keys { unlink(directory.path + "/" + name) }
        guard case .noVolume = try adopt(directory.path) else {
            Issue.record("there are no files")
            return
        }
        let emptied = try Store.open(path: directory.path)
        try ContentRemoval(store: emptied, layout: ContentKind.state.layout).run()
        try emptied.close()
        try makeVolume(directory.path, Self.scopes)
        guard case .adopted = try adopt(directory.path) else {
            Issue.record("the files are passed over still")
            return
        }
    }

    /// Nothing is taken of a volume with damage; the message says which file, where and what to do. A damaged group is no
    /// concern of state's, and the other way round.
    @Test(arguments: [
        ("cut.bin", ContentKind.state, "noRoot at byte"), ("stream%3Achat%3Acut.bin", .stream, "noRoot at byte"),
        ("a:b.bin", .state, "must be written as %XX"), ("stream%3achat%3a1.bin", .stream, "hexadecimal"),
    ])
    func damageIsRefused(name: String, kind: ContentKind, reason: String) throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes + Self.groups)
        let sound = try #require(try UpstreamFiles.read(directory.path + "/s.bin", limit: 1 << 20))
        try put(name, sound.dropLast(9), in: directory.path)
        let other = try #require(ContentKind.allCases.first { $0 != kind })
        for _ in 0..<2 {
            let error = #expect(throws: UpstreamError.self) { try adopt(directory.path, kind) }
            #expect(error?.code == .damagedFiles)
            for part in [name, reason, "nothing was imported", directory.path, "move"] {
                #expect(error?.description.contains(part) == true, "\(part): \(error?.description ?? "")")
            }
        }
        #expect(try content(directory.path, kind).isEmpty)
        guard case .adopted = try adopt(directory.path, other) else {
            Issue.record("\(other) isn't adopted")
            return
        }
        unlink(directory.path + "/" + name)
        try adopt(directory.path, kind)
        #expect(try content(directory.path, kind).sorted() == expected(kind))
    }

    /// The files of queues and cron in a shared directory aren't scopes, unless they only have the name.
    @Test func othersAreNotScopes() throws {
        let directory = try TemporaryDirectory()
        let lock = Array(#"{"expires_at_ms":1,"owner":"x"}"#.utf8)
        try makeVolume(
            directory.path,
            [
                ("cron_locks", [(key: "job", value: lock)]),
                ("_queue_lists", [(key: "queue:default:waiting", value: Array("[\"1\"]".utf8))]),
                ("_queue_sorted_sets", [(key: "queue:default:delayed", value: Array("{}".utf8))]),
                ("queue:__fn_queue::default:jobs:1", [(key: "", value: Array("{\"id\":\"1\"}".utf8))]),
                ("queue:jobs", [(key: "", value: Array("{}".utf8))]), ("s", [(key: "k", value: Array("1".utf8))]),
            ]
        )
        let sharing: Set<UpstreamOwner> = [.state, .queue, .cron]
        guard case .adopted(_, let result, _) = try adopt(directory.path, owners: sharing) else {
            Issue.record("not adopted")
            return
        }
        #expect(result.otherCount == 4 && Set(result.others.map(\.owner)) == [.queue, .cron])
        #expect(try content(directory.path, .state) == ["[\"queue:jobs\"]  {}", "[\"s\"] k 1"])
        let named = try TemporaryDirectory()
        try makeVolume(
            named.path,
            [
                ("cron_locks", [(key: "job", value: Array("1".utf8))]),
                ("_queue_lists", [(key: "mine", value: Array("[]".utf8))]),
                ("queue:a:jobs:1", [(key: "k", value: Array("{}".utf8))]),
            ]
        )
        try adopt(named.path, owners: sharing)
        #expect(try content(named.path, .state).count == 3)
    }

    private static let looksLikeOthers: [(index: String, entries: [(key: String, value: [UInt8])])] = [
        ("_queue_lists", [(key: "queue:default:waiting", value: Array("[\"1\"]".utf8))]),
        ("cron_locks", [(key: "job", value: Array(#"{"expires_at_ms":1,"owner":"x"}"#.utf8))]),
        ("queue:default:jobs:1", [(key: "", value: Array("{\"id\":\"1\"}".utf8))]),
        ("stream:chat:1", [(key: "m2", value: Array("2".utf8)), (key: "m1", value: Array("1".utf8))]),
        ("stream:notes", [(key: "k", value: Array("3".utf8))]), ("users", [(key: "u", value: Array("4".utf8))]),
    ]

    /// Scopes of state with the names of streams, queues or locks were put where `iii-state` doesn't read, and the log said
    /// that everything was compared. Where only state has the path, all files are its scopes, and it reads all of them.
    @Test func stateAloneHasEveryIndex() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.looksLikeOthers)
        guard case .adopted(let record, let result, _) = try adopt(directory.path, owners: [.state]) else {
            Issue.record("not adopted")
            return
        }
        #expect((record.files, record.groups, record.entries) == (6, 6, 7) && record.owners == ["state"])
        #expect(result.otherCount == 0)
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            let names = Self.looksLikeOthers.map { "\"\($0.index)\"" }.joined(separator: ",")
            #expect(try state.call("state::list_groups", "{}") == #"{"groups":[\#(names)]}"#)
            #expect(try state.call("state::list", #"{"scope":"stream:chat:1"}"#) == "[2,1]")
            #expect(try state.call("state::get", #"{"scope":"queue:default:jobs:1","key":""}"#) == #"{"id":"1"}"#)
        }
        // A stream worker that gets the path later doesn't take them once more.
        for _ in 0..<2 {
            guard case .takenAsScopes(files: 1) = try adopt(directory.path, .stream) else {
                Issue.record("taken twice")
                return
            }
        }
        #expect(try content(directory.path, .stream).isEmpty)
    }

    /// What none of the path's workers writes stops the import: the message names the file and what to do.
    @Test func aStrangersFileStopsTheImport() throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.looksLikeOthers)
        for owners: Set<UpstreamOwner> in [[.stream], [.stream, .queue, .cron]] {
            let error = #expect(throws: UpstreamError.self) { try adopt(directory.path, .stream, owners: owners) }
            let first = owners == [.stream] ? "_queue_lists.bin and 4 more" : "stream%3Anotes.bin and 1 more"
            for part in [first, "can't be attributed", "nothing was imported", "Name the worker", directory.path] {
                #expect(error?.description.contains(part) == true, "\(part): \(error?.description ?? "")")
            }
            #expect(error?.code == .unattributed)
        }
        #expect(try content(directory.path, .stream).isEmpty)
        for name in ["stream%3Anotes.bin", "users.bin"] { unlink(directory.path + "/" + name) }
        guard case .adopted(let record, _, _) = try adopt(directory.path, .stream, owners: [.stream, .queue, .cron])
        else {
            Issue.record("not adopted")
            return
        }
        #expect((record.groups, record.entries) == (1, 2))
        // State that gets the path later, and even alone, leaves to streams what they took.
        guard case .adopted(let later, _, _) = try adopt(directory.path, owners: [.state]) else {
            Issue.record("not adopted")
            return
        }
        #expect((later.files, later.groups) == (3, 3))
    }

    /// A record of a version that went by names alone says nothing of owners, and is read.
    @Test func recordsWithoutOwners() throws {
        let old = #"{"progress":"done","files":1,"groups":1,"entries":2,"time":3}"#
        let record = try #require(AdoptionRecord(Bytes(old.utf8)))
        #expect(record.owners == nil && record.entries == 2 && String(decoding: record.encoded, as: UTF8.self) == old)
        var new = record
        new.owners = ["state", "stream"]
        #expect(AdoptionRecord(new.encoded) == new)
    }

    /// A volume that an engine still writes to isn't taken.
    @Test(arguments: [UpstreamAdoption.Phase.importing, .comparing])
    func aVolumeThatChanges(phase: UpstreamAdoption.Phase) throws {
        let directory = try TemporaryDirectory()
        try makeVolume(directory.path, Self.scopes)
        var changed = false
        #expect(throws: UpstreamError.self) {
            try adopt(directory.path) { event in
                guard case .progress(phase, _, _) = event, !changed else { return }
                changed = true
                try UpstreamVolumeWriter(path: directory.path)
                    .write(index: "s", [(key: "other", value: Array("1".utf8))])
            }
        }
        #expect(changed)
        try adopt(directory.path)
        #expect(try content(directory.path, .state).contains("[\"s\"] other 1"))
    }

    @Test func whatADiskMustHave() throws {
        var found = UpstreamImportResult()
        found.fileBytes = 1 << 60
        let error = #expect(throws: UpstreamError.self) {
            let volume = try UpstreamVolume(path: "/tmp")
            try AdoptionCheck(volume: volume, reusableBytes: 0).require(found)
        }
        #expect(error?.code == .lowSpace && error?.description.contains("Make room") == true)
        found.fileBytes = 1
        found.largestEntryBytes = 64 << 20
        found.largestEntry = "huge"
        let tooLarge = #expect(throws: UpstreamError.self) {
            let volume = try UpstreamVolume(path: "/tmp")
            try AdoptionCheck(volume: volume, reusableBytes: 0).require(found)
        }
        #expect(tooLarge?.code == .tooLarge && tooLarge?.description.contains("\"huge\"") == true)
    }
}
