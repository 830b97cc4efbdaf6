/// A segment on disk.
struct LogFile: Equatable, Sendable {
    var number: SegmentNumber
    var bytes: UInt64
    /// Nanoseconds since 1970; nil: the active one.
    var closedAt: UInt64?
}

/// Which segments may go (storage.md §5.9 step 6, retention of §1). Pure.
struct Retention: Sendable {
    var nanoseconds: UInt64
    var bytes: UInt64

    /// `files` in order; `limit`: the first one that recovery needs. The newest one below it stays, as recent history.
    func retired(_ files: [LogFile], below limit: SegmentNumber, now: UInt64, isLowSpace: Bool) -> [LogFile] {
        let old = files.filter { $0.number < limit }
        var candidates = isLowSpace ? old[...] : old.dropLast()
        guard nanoseconds > 0 || bytes > 0 else { return Array(candidates) }
        // From the newest to the oldest: kept as long as neither limit is passed.
        var total: UInt64 = 0
        var kept = 0
        for file in candidates.reversed() {
            total += file.bytes
            let isYoung = nanoseconds == 0 || now &- min(now, file.closedAt ?? now) <= nanoseconds
            guard isYoung, bytes == 0 || total <= bytes else { break }
            kept += 1
        }
        candidates.removeLast(kept)
        return Array(candidates)
    }
}

extension LogStore {
    /// Step 6: only after the snapshot that covers them is durable (I6).
    func retireSegments(below limit: SegmentNumber) {
        let covered = snapshot.row?.position.end.segment ?? .none
        precondition(limit <= covered || isMutant(.retireBeforeSnapshot), "I6: retired before the snapshot")
        let isHeld = checkpoints.withLock { $0.isDamaged || $0.pins > 0 && !isMutant(.noBackupPin) }
        guard !isHeld else { return }
        let retention = Retention(nanoseconds: options.retainLogNanoseconds, bytes: options.retainLogBytes)
        let isLow = core.withLock { $0.isLowSpace }
        let now = options.clock.wallNanoseconds()
        let retired: [LogFile] = writer.withLock { state in
            // Closed by a callback of this very checkpoint: the directory is another's now.
            guard !state.hasStopped else { return [] }
            let retired = retention.retired(state.files, below: limit, now: now, isLowSpace: isLow)
            state.files.removeAll { retired.contains($0) }
            counters.withLock { $0.recordFiles(state.files) }
            return retired
        }
        guard !retired.isEmpty else { return }
        // What is retired by its path must be ours.
        guard hasItsPlace() else { return }
        var done = 0
        do throws(SystemCallError) {
            // Oldest first: what a crash leaves has no gap.
            for file in isMutant(.retireNewestFirst) ? retired.reversed() : retired {
                try retire(file)
                done += 1
            }
            try syncLogDirectory()
        } catch {
            warn("a retired log segment could not be removed: \(error)")
            // The next checkpoint tries again.
            let rest = retired[done...]
            writer.withLock { state in
                state.files.insert(contentsOf: rest, at: 0)
                counters.withLock { $0.recordFiles(state.files) }
            }
        }
        counters.withLock { $0.retiredSegments += UInt64(done) }
        tellWarnings()
    }

    private func syncLogDirectory() throws(SystemCallError) {
        if let hold { try hold.syncLog() } else { try io.syncDirectory(directory.wal) }
    }

    private func retire(_ file: LogFile) throws(SystemCallError) {
        let path = directory.segment(file.number)
        if options.scrubsRetiredLog { try scrub(path, bytes: Int(file.bytes)) }
        let wanted = writer.withLock { state in
            state.sizing.wantsRecycled(bytes: Int(file.bytes), now: options.clock.monotonicNanoseconds())
        }
        guard wanted, try preparer.recycle(path, bytes: Int(file.bytes)) else { return try io.unlink(path) }
    }

    private func scrub(_ path: String, bytes: Int) throws(SystemCallError) {
        let file = try io.open(path, .update)
        defer { io.close(file) }
        try io.fillWithZeros(file, length: bytes)
    }
}
