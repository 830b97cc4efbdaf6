import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// An EIO of LMDB on a nearly full disk counted as a full disk and was tried again every second, for ever, even when it was a
/// sync that had failed (storage.md §5.8).
@Suite struct FailedCommitTests {
    private var commits = FailedCommits()

    private mutating func isLackOfSpace(_ number: Int32, lost: Bool = false, full: Bool = false, free: UInt64? = 0) -> Bool {
        let facts = FailedCommits.Facts(number: number, lostPages: lost, isFull: full, freeBytes: free)
        return commits.isLackOfSpace(facts)
    }

    @Test mutating func anInputOutputErrorWithLittleRoomIsTriedTenTimes() {
        for attempt in 1...FailedCommits.maximumAttempts {
            let isTriedAgain = isLackOfSpace(EIO)
            #expect(isTriedAgain == (attempt < FailedCommits.maximumAttempts))
        }
        commits.succeeded()
        let begins = isLackOfSpace(EIO)
        #expect(begins, "a commit in between begins the count anew")
    }

    @Test mutating func aDiskThatIsFullIsWaitedFor() {
        for _ in 0..<3 * FailedCommits.maximumAttempts {
            for number in [ENOSPC, EDQUOT, EFBIG] {
                let isTriedAgain = isLackOfSpace(number, free: 1 << 40)
                #expect(isTriedAgain)
            }
            let isTriedAgain = isLackOfSpace(EIO, full: true)
            #expect(isTriedAgain)
        }
        #expect(commits.attempts == 0)
    }

    @Test(arguments: [EIO, ENOSPC, EDQUOT, EFBIG])
    mutating func aFailedSyncIsNeverTriedAgain(number: Int32) {
        let isTriedAgain = isLackOfSpace(number, lost: true, full: true)
        #expect(!isTriedAgain)
    }

    @Test mutating func whatHasRoomOrIsUnknownFails() {
        let outcomes = [
            isLackOfSpace(EIO, free: UInt64(SpaceJudgement.reserveBytes)), isLackOfSpace(EIO, free: nil),
            isLackOfSpace(EINVAL),
        ]
        #expect(outcomes == [false, false, false])
    }

    @Test func aWitnessThatIsClosedKnowsNothing() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/file"
        #expect(throws: SystemCallError.self) { try SyncWitness(path) }
        try PosixIO().close(PosixIO().open(path, .create))
        let witness = try SyncWitness(path)
        #expect(!witness.lostPages)
        witness.close()
        #expect(witness.lostPages)
    }

    /// A volume that is really full: LMDB's short writes are room, however often they come. While rows move to a new key one
    /// ended the engine.
    @Test(.enabled(if: SmallVolume.isPossible), arguments: [false, true])
    func aFullVolumeIsWaitedForWithoutEnd(isRotating: Bool) throws {
        let volume = try #require(SmallVolume(mebibytes: 24))
        var options = StorageOptions()
        options.initialSegmentBytes = 256 << 10
        options.maximumSegmentBytes = 256 << 10
        options.checkpointIntervalNanoseconds = 0
        options.onFailure = { Issue.record("\($0)") }
        if isRotating { options.encryption = EncryptionKeys(current: try EncryptionKey(bytes: Bytes(repeating: 1, count: 32))) }
        var store = try SteppedStore(volume.path + "/store", options: options)
        let value = Bytes((0..<(64 << 10)).map { UInt8(truncatingIfNeeded: $0 &* 167 >> 3) })
        for number in 0..<40 {
            _ = try store.log.commit { $0.put(SimulatedStore.rows, key: Bytes("\(number)".utf8), value: value) }
            store.flush()
        }
        if isRotating {
            try store.close()
            let next = try EncryptionKey(bytes: Bytes(repeating: 2, count: 32))
            options.encryption = EncryptionKeys(current: next, previous: [options.encryption.current].compactMap { $0 })
            store = try SteppedStore(volume.path + "/store", options: options)
        }
        try volume.fill()
        for attempt in 0..<2 * FailedCommits.maximumAttempts {
            #expect(store.log.beginCheckpoint(), "attempt \(attempt)")
            guard case .failed(let error) = store.log.writeCheckpoint(), error.code == .lowSpace else {
                Issue.record("attempt \(attempt)")
                return
            }
            // What the reserve gave back.
            try volume.fill()
        }
        volume.empty()
        store.log.judgeSpace()
        #expect(store.log.beginCheckpoint())
        guard case .written = store.log.writeCheckpoint() else {
            Issue.record("not written with room")
            return
        }
        try store.close()
    }
}

/// A file system in memory of a few mebibytes, for who may mount one.
final class SmallVolume {
    let path: String
    private let scratch: ScratchDirectory
    private var fillers = 0

    static let isPossible = SmallVolume(mebibytes: 1) != nil

    init?(mebibytes: Int) {
        guard let scratch = try? ScratchDirectory() else { return nil }
        self.scratch = scratch
        path = scratch.path
        guard mount("none", path, "tmpfs", 0, "size=\(mebibytes)m") == 0 else { return nil }
    }

    deinit {
        umount2(path, 2)
    }

    /// Somebody else takes all that is left.
    func fill() throws {
        fillers += 1
        let file = try PosixIO().open("\(path)/filler\(fillers)", .create)
        defer { PosixIO().close(file) }
        let block = AlignedBytes(count: LogLimits.blockBytes)
        var offset: UInt64 = 0
        while (try? PosixIO().writeAll(file, block.readOnly, at: offset)) != nil { offset += UInt64(block.count) }
    }

    func empty() {
        for number in 0...fillers { unlink("\(path)/filler\(number)") }
    }
}
