extension SnapshotInspector {
    /// What is wrong between snapshot and log (R10): the batch that the snapshot ends with must stand in the log, or the
    /// next segment's header must account for it. nil: nothing.
    ///
    /// A segment that can't be read at all is the log's own matter and told by `LogInspector`.
    public func logRefusal() throws(StorageError) -> StorageError? {
        guard let row = snapshot.row else { return nil }
        let end = row.position.end
        let reach = "the snapshot reaches batch \(end.lastBatch) (LSN \(row.position.lsn))"
        let io = PosixIO()
        var isThere = false
        do throws(SystemCallError) {
            isThere = try io.exists(directory.segment(end.segment))
        } catch {
            throw .deviceFailed(error)
        }
        guard isThere else {
            return try successorAccounts(for: end)
                ? nil
                : .logLost(directory.segment(end.segment), "\(reach) in segment \(end.segment), which is not there")
        }
        guard try end.batchStands(in: directory) == true else {
            return .logLost(
                directory.segment(end.segment),
                "\(reach) at offset \(end.batchOffset), where something else stands"
            )
        }
        return nil
    }

    private func successorAccounts(for end: LogEnd) throws(StorageError) -> Bool {
        do throws(StorageError) {
            var window = try SegmentWindow(io: PosixIO(), path: directory.segment(end.segment.next))
            let block = try window.bytes(at: 0, LogLimits.blockBytes)
            guard case .valid(let header) = SegmentHeader.read(block) else { return false }
            return header.predecessor == end.predecessorFacts
        } catch {
            guard !error.isAboutTheCaller else { throw error }
            return false
        }
    }
}

extension LogEnd {
    /// Whether its last batch stands in the log; nil: no batch of its segment stands there.
    func batchStands(in directory: LogDirectory) throws(StorageError) -> Bool? {
        // Batches stand on block edges; no window opens elsewhere.
        guard batchOffset % UInt64(LogLimits.blockBytes) == 0 else { return nil }
        var window = try SegmentWindow(io: PosixIO(), path: directory.segment(segment))
        let block = try window.bytes(at: batchOffset, LogLimits.blockBytes)
        let position = BatchHeader.Position(segment: segment, offset: batchOffset)
        guard case .valid(let header, let crc) = BatchHeader.read(block, at: position), header.epoch == epoch else {
            return nil
        }
        return header.number == lastBatch && crc == chain
    }
}
