import Adapters
import Glibc
import Testing

@testable import Storage
@testable import StorageDrill
@testable import iii_storage_inspect

/// L4 for what brings content into a store from outside: `import`, `import-upstream`, and the engine's own import of a
/// volume at its first start. Power cuts at the recorded calls, as `storage-drill offline` does it for the other offline
/// writers; here, because that drill knows nothing of volumes.
@Suite(.serialized) struct ImportPowerCutTests {
    private static let positions = 10
    private static let seed: UInt64 = 1

    private struct Image {
        var path: String
        /// Success had been reported, or the process had ended.
        var isAtEnd: Bool
        var what: String
    }

    /// Before the end: the source is as it was, and the target is absent or whole. At the end: it is whole.
    @Test(arguments: ["import ROOT/export --to ROOT/new", "import-upstream ROOT/volume --to ROOT/new"], [false, true])
    func aCommandLeavesNothingOrAllOfIt(line: String, isEncrypted: Bool) throws {
        let scratch = try Scratch()
        let audit = try SyncAudit(scratch)
        let key = scratch.path + "/key"
        let keys = isEncrypted ? ["--key-file", key] : []
        #expect(Run("keygen", "--output", key).status == .sound)
        try makeSources(scratch, audit.root)
        let words = Snapshot.replace("ROOT", by: audit.root, in: line) + keys.map { " " + $0 }.joined()
        let recording = try audit.record { "\($0) $TOOL \(words)" }
        #expect(recording.status == 0, "\(recording.output)")
        let wanted = Run(["export", audit.root + "/new"] + keys).text
        #expect(wanted.contains("trailer"))
        var whole = 0
        try cutPower(recording, scratch) { image in
            for source in ["export", "volume"] {
                let difference = try TreeComparison(image.path + "/" + source, audit.root + "/" + source).first()
                #expect(difference == nil, "\(image.what)")
            }
            guard access(image.path + "/new", F_OK) == 0 else {
                #expect(!image.isAtEnd, "\(image.what): success was reported")
                return
            }
            whole += 1
            #expect(Run(["verify", image.path + "/new", "--deep"] + keys).status == .sound, "\(image.what)")
            #expect(Run(["export", image.path + "/new"] + keys).text == wanted, "\(image.what)")
        }
        #expect(whole >= 3, "the end at least")
    }

    /// The rounds above notice a missing sync of each kind: right after success the store is not there, or not whole.
    @Test(arguments: ["dirsync", "fdatasync,fsync,dsync"]) func aForgottenSyncIsNoticed(which: String) throws {
        for line in ["import ROOT/export --to ROOT/new", "import-upstream ROOT/volume --to ROOT/new"] {
            let scratch = try Scratch()
            let audit = try SyncAudit(scratch)
            try makeSources(scratch, audit.root)
            let words = Snapshot.replace("ROOT", by: audit.root, in: line)
            let recording = try audit.record(forgetting: which) { "\($0) $TOOL \(words)" }
            let powerCut = try PowerCutImage(journal: recording.journal, base: recording.base)
            try powerCut.advance(to: recording.journal.entries.count)
            try powerCut.build(.dropAll, into: scratch.path + "/image")
            #expect(Run("verify", scratch.path + "/image/new", "--deep").status != .sound, "\(line) without \(which)")
        }
    }

    /// An engine that finds a volume at its `file_path` makes its store in that directory. Whatever a power cut leaves of
    /// it, the next start has every value once, and the volume's files are as they were.
    @Test(arguments: [false, true]) func theEnginesOwnImport(isEncrypted: Bool) throws {
        let scratch = try Scratch()
        let audit = try SyncAudit(scratch)
        let (key, config, log) = (scratch.path + "/key", scratch.path + "/config.yaml", scratch.path + "/log")
        #expect(Run("keygen", "--output", key).status == .sound)
        try makeSources(scratch, audit.root)
        let volume = audit.root + "/volume"
        let encryption = isEncrypted ? ", encryption_key_file: \(key)" : ""
        let text = """
            workers:
              - name: iii-worker-manager
                config: {host: 127.0.0.1, port: 0}
              - name: iii-state
                config: {adapter: {name: kv, config: {store_method: file_based, file_path: \(volume)\(encryption)}}}

            """
        try PosixIO().replaceFile(config, in: scratch.path, with: Array(text.utf8))
        // It serves until it is told to stop. The loop bounds a wait; nothing rests on how long it takes.
        let recording = try audit.record { environment in
            """
            \(environment) $(dirname $TOOL)/iii --config \(config) > \(log) 2>&1 & process=$!; \
            for i in $(seq 1200); do grep -q "volume adopted" \(log) && break; \
            kill -0 $process || break; sleep 0.05; done; kill -TERM $process; wait $process
            """
        }
        let words = String(decoding: try PosixIO().readFile(log, limit: 1 << 20), as: UTF8.self)
        #expect(recording.status == 0 && words.contains("volume adopted"), "\(recording.output) \(words)")
        var options = StorageOptions()
        if isEncrypted { options.encryption.current = try EncryptionKey(file: key) }
        let wanted = try Self.entries(volume, options)
        #expect(wanted.count == 1 + 300)
        try cutPower(recording, scratch) { image in
            let path = image.path + "/volume"
            let store = try Store.open(path: path, options: options)
            let outcome = try UpstreamAdoption(store: store, kind: .state, owners: UpstreamOwners([.state])).run()
            try store.close()
            switch outcome {
            case .doneBefore: break
            case .adopted: #expect(!image.isAtEnd, "\(image.what)")
            default: Issue.record("\(image.what): \(outcome)")
            }
            #expect(try Self.entries(path, options) == wanted, "\(image.what)")
            for name in try PosixIO().list(recording.base + "/volume") {
                let difference = try TreeComparison("\(path)/\(name)", "\(recording.base)/volume/\(name)").first()
                #expect(difference == nil, "\(image.what): \(name)")
            }
        }
    }

    private static func entries(_ path: String, _ options: StorageOptions) throws -> [String] {
        var entries: [String] = []
        try StoredContent(StoreReader(path: path, keys: options.encryption), .state).entries { entry in
            entries.append("\(entry.path) \(entry.key) \(String(decoding: entry.value, as: UTF8.self))")
        }
        return entries
    }

    private func makeSources(_ scratch: Scratch, _ root: String) throws {
        mkdir(root + "/volume", 0o700)
        let writer = UpstreamVolumeWriter(path: root + "/volume")
        try writer.write(index: "users", (0..<300).map { (key: "k\($0)", value: Array("{\"n\":\($0)}".utf8)) })
        try writer.write(index: "one", [(key: "", value: Array("null".utf8))])
        let store = scratch.path + "/exported"
        try StoreFixture.closed(store, rows: 40)
        #expect(Run("export", store, "--output", root + "/export").status == .sound)
    }

    private func cutPower(_ recording: SyncAudit.Recording, _ scratch: Scratch, _ check: (Image) throws -> Void) throws {
        let journal = recording.journal
        #expect(journal.stopped == nil)
        let powerCut = try PowerCutImage(journal: journal, base: recording.base)
        var picker = PositionPicker(journal, seed: Self.seed)
        var random = SeededGenerator(seed: Self.seed)
        let end = journal.entries.count
        let path = scratch.path + "/image"
        for position in Set(picker.pick(Self.positions - 1)).union([end]).sorted() {
            try powerCut.advance(to: position)
            let losses: [Loss] = [
                .dropAll, .random(seed: random.next(), names: .prefix), .random(seed: random.next(), names: .anySubset),
            ]
            for loss in losses {
                try DrillFiles.removeTree(path)
                try powerCut.build(loss, into: path)
                let what = "seed \(Self.seed), power cut at entry \(position) of \(end), \(loss)"
                try check(Image(path: path, isAtEnd: position == end, what: what))
            }
        }
    }
}
