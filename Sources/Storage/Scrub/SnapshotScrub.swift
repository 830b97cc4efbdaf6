import Glibc
import Synchronization

/// Reads the snapshot through in the background, piece by piece, past the map: every page's structure, every row's
/// checksum, and in the end digest and counts (storage.md §5.8).
///
/// No read transaction is held: a piece counts only if no checkpoint was being written meanwhile, else it is read again.
/// Thread-safe: `read` belongs to one thread, the writer's calls to the checkpoint thread.
final class SnapshotScrub: Sendable {
    enum Outcome: Sendable {
        case read(bytes: UInt64)
        /// A checkpoint came in between, or the process has no descriptor or memory left.
        case interrupted
        /// To the end, and everything is right.
        case finished
        case damaged(StorageError)
    }

    private struct State {
        var progress = ScrubProgress()
        /// Of the pass under way, in the image that is there now.
        var pages: ScrubPages?
        var isWriting = false
        /// Changes with every write transaction.
        var writes: UInt64 = 0
        /// What the sums are if the transaction commits.
        var staged: ScrubSums?
        /// nil: nobody reads the snapshot through.
        var store: StoreID?
        /// What the file holds.
        var saved: ScrubProgress?
    }

    private let data: String
    private let file: String
    private let mapped: MappedMemory
    private let state = Mutex(State())

    /// - Parameter path: of the snapshot's directory.
    init(path: String, mapped: MappedMemory) {
        data = path + "/data.mdb"
        file = path + "/" + LogDirectory.scrubName
        self.mapped = mapped
    }

    var progress: ScrubProgress { state.withLock { $0.progress } }

    /// Lookups in the snapshot so far, by anybody.
    var reads: UInt64 { mapped.touchCount }

    // MARK: The writer

    /// A write transaction begins. Returns the sums to change; nil: no pass is under way.
    func writerBegins() -> ScrubSums? {
        state.withLock { state in
            state.isWriting = true
            state.writes += 1
            state.staged = nil
            state.pages = nil
            return state.progress.sums
        }
    }

    func stage(_ sums: ScrubSums?) {
        state.withLock { $0.staged = sums }
    }

    func writerCommitted(_ row: CheckpointRow) {
        state.withLock { state in
            state.progress.sums = state.staged
            state.progress.setImage(row)
        }
    }

    func writerEnds() {
        state.withLock { $0.isWriting = false }
    }

    // MARK: Progress

    /// Takes up what an earlier process noted. A pass goes on only if no checkpoint came after the note.
    func load(_ row: CheckpointRow?, store: StoreID, now: UInt64) {
        let bytes = try? PosixIO().readFile(file, limit: ScrubProgress.maximumBytes)
        let found = bytes.flatMap { ScrubProgress.read($0, store: store) }
        var progress = found ?? ScrubProgress(since: now)
        if let row {
            if !progress.isImage(row) { progress.sums = nil }
            progress.setImage(row)
        } else {
            // Nothing to read until the first checkpoint.
            progress = ScrubProgress(since: progress.since)
        }
        let loaded = progress
        state.withLock { state in
            state.progress = loaded
            state.store = store
            state.saved = found
        }
        save()
    }

    /// Not critical: what can't be written is read again. No sync: a torn file is noticed by its checksum.
    func save() {
        let unsaved: (ScrubProgress, StoreID)? = state.withLock { state in
            guard let store = state.store, state.saved != state.progress else { return nil }
            state.saved = state.progress
            return (state.progress, store)
        }
        guard let (progress, store) = unsaved else { return }
        let bytes = progress.encoded(store)
        let io = PosixIO()
        do throws(SystemCallError) {
            let made = try io.open(file + ".tmp", .create)
            defer { io.close(made) }
            try writeAll(bytes, to: made, io)
            try io.rename(file + ".tmp", to: file)
        } catch {
            try? io.unlink(file + ".tmp")
        }
    }

    private func writeAll(_ bytes: Bytes, to file: PosixIO.File, _ io: PosixIO) throws(SystemCallError) {
        var failure: SystemCallError?
        bytes.withUnsafeBytes { bytes in
            do throws(SystemCallError) { try io.writeAll(file, bytes, at: 0) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    // MARK: Reading

    /// Reads the next piece; begins a pass if none is under way.
    ///
    /// - Parameter row: the newest checkpoint row.
    func read(_ row: () -> CheckpointRow?, now: UInt64) -> Outcome {
        let begun: (writes: UInt64, sums: ScrubSums, pages: ScrubPages?, row: CheckpointRow)? = state.withLock { state in
            guard !state.isWriting, let row = row() else { return nil }
            // Handed over: the only reference while it changes.
            defer { state.pages = nil }
            return (state.writes, state.progress.sums ?? ScrubSums(), state.pages, row)
        }
        guard var begun else { return .interrupted }
        let pages = begun.pages.take()
        let result = Result { () throws(StorageError) in
            var piece = try ScrubPiece(data, begun.sums, pages)
            try piece.read()
            return piece
        }
        return state.withLock { state in
            guard !state.isWriting, state.writes == begun.writes else { return .interrupted }
            switch result {
            case .failure(let error):
                return [.r16, .r17].contains(error.row) ? .damaged(error) : .interrupted
            case .success(let piece):
                state.progress.setImage(begun.row)
                guard piece.isAtEnd else {
                    state.progress.sums = piece.sums
                    state.pages = piece.pages
                    return .read(bytes: piece.bytes)
                }
                state.progress.sums = nil
                guard piece.sums.agrees(with: begun.row) else { return .damaged(disagreement) }
                state.progress.scrubbedGeneration = begun.row.generation
                state.progress.since = now
                return .finished
            }
        }
    }

    private var disagreement: StorageError {
        .snapshotDamaged(
            data,
            "digest or counts of its rows are not what the checkpoint row says: a write was lost, or a page was given back as it had been. Look with iii-storage-inspect verify --deep"
        )
    }
}
