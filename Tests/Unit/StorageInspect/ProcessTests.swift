import Glibc
import Synchronization
import Testing

@testable import Storage
@testable import iii_storage_inspect

/// The built executable: exit statuses, closed pipes, a running engine.
@Suite(.serialized) struct ProcessTests {
    @Test func theExecutableIsBesideTheTests() {
        #expect(access(Executable.path, X_OK) == 0, "\(Executable.path)")
    }

    @Test func exitStatusesReachTheShell() throws {
        let sound = try Scratch(LogFixture.sample())
        let damaged = try Scratch(LogFixture.sample())
        try damaged.change(damaged.segment(1)) { $0[2 * LogFixture.block] ^= 1 }
        #expect(Executable.shell("$TOOL verify \(sound.path)").status == 0)
        #expect(Executable.shell("$TOOL verify \(damaged.path)").status == 3)
        #expect(Executable.shell("$TOOL verify").status == 2)
        #expect(Executable.shell("$TOOL --help").status == 0)
    }

    /// More than a pipe and our buffer hold, so that writing goes on after the reader went away.
    @Test func aClosedPipeIsQuiet() throws {
        let scratch = try Scratch(Self.long())
        for command in ["records", "records --json", "batches --json"] {
            let line = "set -o pipefail; $TOOL \(command.replacing(" ", by: " \(scratch.path) ")) | head -1"
            let (output, status) = Executable.shell(line)
            #expect(status == 0, "\(command): \(output.suffix(200))")
            #expect(output.split(separator: "\n").count == 1 && !output.contains("error"), "\(command)")
        }
        #expect(Executable.shell("$TOOL records \(scratch.path) >/dev/full").output.hasPrefix("error: the output can"))
    }

    /// `ulimit -f` ended the tool with SIGXFSZ, and what it had begun stayed.
    @Test func aLimitOnTheSizeOfFilesIsAnError() throws {
        let scratch = try Scratch()
        let store = scratch.path + "/store"
        try StoreFixture.closed(store, rows: 60)
        for command in ["backup \(store) --to", "export \(store) --output"] {
            let (output, status) = Executable.shell("ulimit -f 1; $TOOL \(command) \(scratch.path)/made")
            #expect(status == 74 && output.contains("error: "), "\(command): \(status) \(output)")
            let left = try PosixIO().list(scratch.path)
            #expect(left == ["store"], "\(command) left \(left)")
        }
    }

    private static func long() -> LogFixture {
        var log = LogFixture()
        log.beginSegment(blocks: 1500)
        for _ in 0..<10 {
            log.batch { batch in
                for number in 0..<500 {
                    batch.encodePut(
                        TableID(rawValue: 1),
                        key: Bytes("key \(number)".utf8),
                        value: Bytes(repeating: 0x61, count: 500),
                        origin: nil
                    )
                }
            }
        }
        return log
    }

    /// Beside a running engine: a warning that names the holder, no lock taken, nothing changed; what was acknowledged
    /// before the start is shown.
    @Test func besideARunningEngine() async throws {
        let scratch = try Scratch()
        var options = StorageOptions()
        options.initialSegmentBytes = 64 * 1024
        options.sealAfterIdleNanoseconds = 0
        let store = try Store.open(path: scratch.path, options: options)
        for number in 0..<50 {
            try await store.commit { $0.put(TableID(rawValue: 1), key: [UInt8(number)], value: [1, 2, 3]) }.durable()
        }
        let run = Run("verify", scratch.path)
        #expect(run.status == .sound && run.text.hasPrefix("sound so far: an engine has it open"))
        #expect(run.errors.hasPrefix("warning: an engine has the store open (pid \(getpid()))"))
        let (output, status) = Executable.shell("$TOOL records \(scratch.path) --json 2>/dev/null | wc -l")
        #expect(status == 0 && output == "50\n")
        try await store.commit { $0.put(TableID(rawValue: 1), key: [99], value: []) }.durable()
        try store.close()
        #expect(Run("verify", scratch.path).errors.isEmpty)
    }

    /// Reading again and again while an engine writes as fast as it can, rotates and closes: never a false alarm.
    @Test func aBusyEngineIsNeverCalledDamaged() async throws {
        let scratch = try Scratch()
        var options = StorageOptions()
        options.initialSegmentBytes = 64 * 1024
        options.maximumSegmentBytes = 128 * 1024
        let store = try Store.open(path: scratch.path, options: options)
        let stop = StopSignal()
        let writing = Task {
            var count = 0
            while !stop.isSet {
                for _ in 0..<8 {
                    _ = try store.commit {
                        $0.put(
                            TableID(rawValue: 1),
                            key: Bytes("k\(count)".utf8),
                            value: Bytes(repeating: 1, count: 900)
                        )
                    }
                    count += 1
                }
                try await store.commit { $0.put(TableID(rawValue: 2), key: [0], value: [UInt8(count & 255)]) }.durable()
            }
        }
        for round in 0..<40 {
            let run = Run("verify", scratch.path)
            #expect(run.status == .sound, "round \(round): \(run.text)")
        }
        stop.set()
        try await writing.value
        try store.close()
        #expect(Run("verify", scratch.path).text.hasPrefix("clean: "))
    }
}

/// A flag between tasks.
final class StopSignal: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() {
        flag.store(true, ordering: .relaxed)
    }
}

extension String {
    /// The first occurrence replaced, or appended if there is none.
    fileprivate func replacing(_ old: Character, by new: String) -> String {
        guard let index = firstIndex(of: old) else { return self + new }
        return self[..<index] + new + self[self.index(after: index)...]
    }
}
