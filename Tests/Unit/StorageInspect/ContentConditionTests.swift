import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Commands that show or export content look at the store's condition as `verify` does: `export` wrote whole files with a
/// sound trailer of stores that had lost acknowledged rows.
@Suite(.serialized) struct ContentConditionTests {
    enum Harm: CaseIterable {
        case newestSegment, format, wholeLog, otherSnapshot

        func apply(to path: String, _ scratch: Scratch) throws {
            let segments = try LogInspector(path: path).facts().segments.map(\.path)
            switch self {
            case .newestSegment: unlink(try #require(segments.last))
            case .format: unlink(path + "/FORMAT")
            case .wholeLog: for segment in segments { unlink(segment) }
            case .otherSnapshot:
                let other = scratch.path + "/other"
                try StoreFixture.killed(other, checkpointAfter: 20, rows: 25)
                let bytes = try PosixIO().readFile(other + "/snapshot/data.mdb", limit: 1 << 24)
                try PosixIO().replaceFile(path + "/snapshot/data.mdb", in: path + "/snapshot", with: bytes)
            }
        }
    }

    @Test(arguments: Harm.allCases) func contentThatIsNotCertain(_ harm: Harm) throws {
        let scratch = try Scratch()
        let (store, sound, file) = (scratch.path + "/store", scratch.path + "/sound", scratch.path + "/rows")
        try StoreFixture.killed(store, checkpointAfter: 20, rows: 60)
        _ = try StoreFilesCopy(source: store, target: sound).run { _ in }
        #expect(Run("export", sound).status == .sound && Run("diff", sound, store).status == .sound)
        try harm.apply(to: store, scratch)
        #expect(Run("verify", store).status == .damage)
        for words in [["export", store], ["export", store, "--output", file], ["diff", sound, store]] {
            let run = Run(words)
            #expect(run.status == .damage && run.output.isEmpty, "\(words): \(run.text.prefix(200))")
            #expect(run.errors.contains("R") && run.errors.contains("salvage"), "\(words): \(run.errors)")
        }
        for name in [file, file + ".partial"] { #expect(access(name, F_OK) != 0) }
        for words in [["get", store, "key 7", "--table", "1"], ["history", store, "key 7", "--table", "1"]] {
            let run = Run(words)
            #expect(run.status == .damage, "\(words): \(run.status) \(run.errors)")
            #expect(run.errors.contains("not certain"), "\(words): \(run.errors)")
        }
    }

    @Test func listsOfAStoreThatIsNotCertain() throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/store").path
        #expect(Run("state", store).status == .sound && Run("streams", store).status == .sound)
        unlink(store + "/FORMAT")
        for words in [["state", store], ["state", store, "notes"], ["streams", store]] {
            let run = Run(words)
            #expect(run.status == .damage && run.errors.contains("R2"), "\(words): \(run.errors)")
        }
        let upstream = Run("export-upstream", store, "--to", scratch.path + "/volume")
        #expect(upstream.status == .damage && access(scratch.path + "/volume", F_OK) != 0)
    }

    /// Without the key anybody can make a plain snapshot. While the log still says that there was a plain time, its rows
    /// were shown, and exported.
    @Test func aForgedPlainSnapshotIsShownToNobody() throws {
        let scratch = try Scratch()
        let (store, forged, key) = (scratch.path + "/store", scratch.path + "/forged", scratch.path + "/key")
        #expect(Run("keygen", "--output", key).status == .sound)
        var options = StoreFixture.options
        options.retainLogBytes = .max
        try StoreFixture.closed(store, rows: 20, options: options)
        options.encryption.current = try EncryptionKey(file: key)
        options.encryptsExistingStore = true
        let open = try Store.open(path: store, options: options)
        try StoreFixture.put(open, 21...40)
        try open.close()
        let other = try Store.open(path: forged, options: StoreFixture.options)
        try other.commit { $0.put(StoreFixture.table, key: Bytes("evil".utf8), value: Bytes("forged".utf8)) }.wait()
        try other.close()
        let bytes = try PosixIO().readFile(forged + "/snapshot/data.mdb", limit: 1 << 24)
        try PosixIO().replaceFile(store + "/snapshot/data.mdb", in: store + "/snapshot", with: bytes)
        for words in [
            ["export", store], ["get", store, "evil", "--table", "1"], ["history", store, "evil", "--table", "1"],
            ["state", store], ["streams", store],
        ] {
            let run = Run(words + ["--key-file", key])
            #expect(run.status == .damage, "\(words): \(run.status) \(run.errors)")
            #expect(!run.text.contains("forged"), "\(words): \(run.text)")
        }
    }

    /// A live engine rotates, checkpoints and retires between two looks.
    @Test func besideABusyEngineNothingIsCalledDamaged() async throws {
        let scratch = try Scratch()
        let store = try Store.open(path: scratch.path, options: StoreFixture.options)
        try StoreFixture.put(store, 1...40)
        try store.checkpoint()
        let stop = StopSignal()
        let writing = Task {
            var number = 40
            while !stop.isSet {
                number += 1
                let value = Bytes("value \(number)".utf8)
                try await store.commit { $0.put(StoreFixture.table, key: StoreFixture.key(number % 50), value: value) }
                    .durable()
                if number % 7 == 0 { try store.checkpoint() }
            }
        }
        for _ in 0..<6 {
            for words in [
                "export \(scratch.path)", "get \(scratch.path) key --table 1", "history \(scratch.path) key --table 1",
            ] {
                let (output, status) = Executable.shell("$TOOL \(words)")
                #expect([0, 1].contains(status), "\(words): \(status) \(output.suffix(400))")
            }
        }
        stop.set()
        try await writing.value
        try store.close()
    }

    /// `verify` said that the engine refuses a store that it opens.
    @Test func damageThatOnlyHistoryNeeds() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        let options = StoreFixture.keepingLog
        try StoreFixture.closed(store, rows: 40, options: options)
        try StoreFixture.damage(StoreFixture.segment(store, 1), at: 5 * LogLimits.blockBytes + 90)
        for command in ["verify", "summary"] {
            let run = Run(command, store)
            #expect(run.status == .damage && run.text.contains("only history is"), "\(run.text)")
            #expect(!run.text.contains("refuses"), "\(run.text)")
        }
        #expect(Run("export", store).status == .sound)
        #expect(try StoreFixture.rows(store, options: options) == Array(1...40))
    }

    /// The engine needs the new key alone after a complete rotation: so do the commands that show what there is.
    @Test func afterARotationTheOldKeyIsNotNeeded() throws {
        let scratch = try Scratch()
        var (store, _, next, options) = try StoreFixture.rotated(scratch)
        options.encryption.previous = []
        #expect(try StoreFixture.rows(store, options: options) == Array(1...40))
        let verify = Run("verify", store, "--key-file", next)
        #expect(verify.status == .sound && verify.text.contains("not looked at"), "\(verify.errors)\(verify.text)")
        #expect(Run("verify", store, "--deep", "--key-file", next).status == .sound)
        #expect(Run("export", store, "--key-file", next).lines.count == 41)
        for number in [7, 30] {
            let get = Run("get", store, "key \(number)", "--table", "1", "--key-file", next)
            #expect(get.status == .sound && get.text.contains("value \(number)"), "\(get.errors)\(get.text)")
        }
        let history = Run("records", store, "--key-file", next)
        #expect(history.status == .usage && history.errors.contains("--key-file"), "\(history.errors)")
    }

    /// A process without descriptors has looked at nothing: that was called damage.
    @Test(arguments: ["verify", "summary", "export", "state", "get --scope a --key b"])
    func aShortageIsNoDamage(command: String) throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/store").path
        var shortages = 0
        for limit in 5...14 {
            let words = command.split(separator: " ", maxSplits: 1).map(String.init)
            let line = ([words[0], store] + words.dropFirst()).joined(separator: " ")
            let (output, status) = Executable.shell("ulimit -n \(limit); $TOOL \(line)")
            if status == 74 {
                shortages += 1
                #expect(output.contains("no descriptor or memory left"), "\(limit): \(output)")
            } else {
                // 127: the loader found no descriptor for a library.
                #expect([0, 1, 127].contains(status), "\(limit): \(status) \(output)")
            }
        }
        #expect(shortages > 0)
    }

    /// Who may read a store and not write it was told to `chown` it, though a read-only mount works.
    @Test(.enabled(if: geteuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0))
    func aStoreThatMayOnlyBeRead() throws {
        let scratch = try Scratch()
        let store = try EngineStore(scratch.path + "/store").path
        let nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups"
        #expect(Executable.shell("chmod -R a+rX \(scratch.path); cp $TOOL \(scratch.path)/tool").status == 0)
        for command in ["verify --deep \(store)", "state \(store)", "export \(store)"] {
            let (output, status) = Executable.shell("\(nobody) \(scratch.path)/tool \(command)")
            #expect(status == 0, "\(command): \(output)")
        }
    }
}
