import Glibc
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// backup and restore, of stopped stores and beside a busy engine.
@Suite(.serialized) struct BackupCommandTests {
    @Test func backupVerifyRestore() throws {
        let scratch = try Scratch()
        let root = scratch.path
        try StoreFixture.closed(root + "/store", rows: 40)
        let commands: [(String, [String])] = [
            ("backup", ["backup", "STORE/store", "--to", "STORE/b"]),
            ("backup-verify", ["backup", "--verify", "STORE/b"]),
            ("backup-verify-json", ["backup", "--verify", "STORE/b", "--json"]),
            ("restore", ["restore", "STORE/b", "--to", "STORE/r"]),
            ("restore-json", ["restore", "STORE/b", "--to", "STORE/r2", "--json"]),
            ("backup-json", ["backup", "STORE/r", "--to", "STORE/b2", "--json"]),
        ]
        for (name, words) in commands {
            let run = Run(words.map { Snapshot.replace("STORE", by: root, in: $0) })
            #expect(run.status == .sound, "\(name): \(run.errors)")
            for line in run.lines where name.hasSuffix("json") { #expect(JSONCheck.keys(line) != nil, "\(line)") }
            try Snapshot.check(name, run, words.map { Snapshot.replace("STORE", by: "/STORE", in: $0) }, in: scratch)
        }
        for path in ["/store", "/r", "/r2"] { #expect(try StoreFixture.rows(root + path) == Array(1...40)) }
        for name in ["b.partial", "b.verify", "r.partial"] { #expect(access("\(root)/\(name)", F_OK) != 0, "\(name)") }
    }

    /// The backup's own log, then that of the store which went on, damaged behind what is asked for.
    @Test func restoreToAMoment() throws {
        let scratch = try Scratch()
        let (store, backup) = (scratch.path + "/store", scratch.path + "/b")
        try StoreFixture.closed(store, rows: 20)
        #expect(Run("backup", store, "--to", backup).status == .sound)
        let open = try Store.open(path: store, options: StoreFixture.options)
        try StoreFixture.put(open, 21...60)
        _ = try StoreFilesCopy(source: store, target: scratch.path + "/crashed").run { _ in }
        try open.close()
        let crashed = scratch.path + "/crashed"
        let through = Run("restore", backup, "--to", scratch.path + "/r", "--log", crashed, "--through", "33")
        #expect(through.status == .sound && through.text.contains("LSN 33"), "\(through.text)\(through.errors)")
        #expect(try StoreFixture.rows(scratch.path + "/r") == Array(1...33))
        let all = Run("restore", backup, "--to", scratch.path + "/all", "--log", crashed)
        #expect(all.status == .sound, "\(all.errors)")
        #expect(try StoreFixture.rows(scratch.path + "/all") == Array(1...60))
        // Before the checkpoint, which closing the store took at 20: from the log alone.
        let early = Run("restore", backup, "--to", scratch.path + "/early", "--through", "7")
        #expect(early.status == .sound && early.text.contains("LSN 7"), "\(early.text)\(early.errors)")
        #expect(try StoreFixture.rows(scratch.path + "/early") == Array(1...7))
        for position in [
            ["--through", "33"], ["--through", "0"], ["--until", "1999-12-31"], ["--until", "2500-01-01"],
        ] {
            let beyond = Run(["restore", backup, "--to", scratch.path + "/no"] + position)
            #expect(beyond.status.rawValue == 1 && beyond.errors.contains("--log"), "\(beyond.errors)")
            #expect(beyond.errors.contains(": it gives LSN 1 to 20, 20"), "\(beyond.errors)")
        }
        for name in ["no", "no.partial"] { #expect(access(scratch.path + "/" + name, F_OK) != 0, "\(name)") }
    }

    @Test func refusals() throws {
        let scratch = try Scratch()
        let (store, backup) = (scratch.path + "/store", scratch.path + "/b")
        try StoreFixture.closed(store, rows: 5)
        for words in [
            ["backup"], ["backup", store], ["backup", "--to", backup], ["backup", store, "--verify", backup],
            ["backup", scratch.path + "/none", "--to", backup], ["backup", "--verify", store],
            ["restore", store, "--to", scratch.path + "/r"], ["backup", store, "--to", store],
            ["restore", backup, "--to", store, "--through", "1", "--until", "2026-01-01"],
        ] {
            let run = Run(words)
            #expect(run.status == .usage && run.output.isEmpty && run.errors.hasPrefix("error: "), "\(words)")
        }
        #expect(access(scratch.path + "/none", F_OK) != 0, "nothing is created")
        #expect(Run("backup", store, "--to", backup).status == .sound)
        #expect(Run("restore", backup, "--to", store).status == .usage, "never over something")
        try StoreFixture.damage(backup + "/snapshot/data.mdb", at: 5000)
        #expect(Run("backup", "--verify", backup).status == .damage)
        #expect(Run("restore", backup, "--to", scratch.path + "/r").status == .damage)
        #expect(access(scratch.path + "/r", F_OK) != 0)
    }

    /// What an engine with `retain_log_hours` keeps must not go because somebody made a backup.
    @Test func historyStays() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        var options = StoreFixture.options
        options.retainLogBytes = .max
        try StoreFixture.closed(store, rows: 80, options: options)
        let before = try LogInspector(path: store).facts().segments.map(\.number)
        #expect(before.count > 4)
        for number in 1...3 {
            #expect(Run("backup", store, "--to", scratch.path + "/b\(number)").status == .sound)
            #expect(try LogInspector(path: store).facts().segments.map(\.number).starts(with: before))
        }
    }

    @Test func encrypted() throws {
        let scratch = try Scratch()
        let (store, key) = (scratch.path + "/store", scratch.path + "/key")
        #expect(Run("keygen", "--output", key).status == .sound)
        var options = StoreFixture.options
        options.encryption.current = try EncryptionKey(file: key)
        try StoreFixture.closed(store, rows: 20, options: options)
        #expect(Run("backup", store, "--to", scratch.path + "/b").status == .usage)
        #expect(Run("backup", store, "--to", scratch.path + "/b", "--key-file", key).status == .sound)
        #expect(Run("restore", scratch.path + "/b", "--to", scratch.path + "/r", "--key-file", key).status == .sound)
        #expect(try StoreFixture.rows(scratch.path + "/r", options: options) == Array(1...20))
    }

    /// The tool as a process of its own beside an engine that writes, checkpoints and retires as fast as it can: every
    /// backup holds at least what was acknowledged when it began, and nothing but a beginning of what was written.
    @Test func besideABusyEngine() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/store"
        var options = StoreFixture.options
        options.checkpointLogBytes = 512 * 1024
        let store = try Store.open(path: path, options: options)
        let stop = StopSignal()
        let writer = try Writer(store, stop)
        for round in 0..<5 {
            while writer.acknowledged < (round + 1) * 100 { usleep(1000) }
            let before = writer.acknowledged
            let target = scratch.path + "/b\(round)"
            let (output, status) = Executable.shell("$TOOL backup \(path) --to \(target)")
            #expect(status == 0 && output.contains("beside a running engine"), "\(output)")
            #expect(Run("restore", target, "--to", target + "-r").status == .sound)
            let rows = try StoreFixture.rows(target + "-r")
            #expect(rows == Array(1...max(1, rows.count)) && rows.count >= before, "\(rows.count) of \(before)")
        }
        stop.set()
        writer.join()
        #expect(store.metrics.checkpoints > 0)
        try store.close()
    }
}

/// A thread that puts rows 1, 2, 3 … until it is told to stop.
private final class Writer: @unchecked Sendable {
    private let thread: WorkerThread
    private let count: Counter

    var acknowledged: Int { count.value }

    init(_ store: Store, _ stop: StopSignal) throws {
        let count = Counter()
        self.count = count
        thread = try WorkerThread(name: "test-writer") {
            while !stop.isSet, (try? StoreFixture.put(store, (count.value + 1)...(count.value + 1))) != nil {
                count.add()
            }
        }
    }

    func join() { thread.join() }
}
