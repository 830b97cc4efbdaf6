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
        do throws(SystemCallError) {
            guard try io.exists(directory.segment(end.segment)) else {
                return try successorAccounts(for: end)
                    ? nil
                    : .logLost(directory.segment(end.segment), "\(reach) in segment \(end.segment), which is not there")
            }
        } catch {
            throw .deviceFailed(error)
        }
        guard try batchStands(end) else {
            return .logLost(
                directory.segment(end.segment),
                "\(reach) at offset \(end.batchOffset), where something else stands"
            )
        }
        return nil
    }

    private func successorAccounts(for end: LogEnd) throws(SystemCallError) -> Bool {
        let path = directory.segment(end.segment.next)
        guard try PosixIO().exists(path) else { return false }
        guard var window = try? SegmentWindow(io: PosixIO(), path: path),
            let block = try? window.bytes(at: 0, LogLimits.blockBytes),
            case .valid(let header) = SegmentHeader.read(block)
        else { return false }
        return header.predecessor == end.predecessorFacts
    }

    private func batchStands(_ end: LogEnd) throws(StorageError) -> Bool {
        var window = try SegmentWindow(io: PosixIO(), path: directory.segment(end.segment))
        let block = try window.bytes(at: end.batchOffset, LogLimits.blockBytes)
        let position = BatchHeader.Position(segment: end.segment, offset: end.batchOffset)
        guard case .valid(let header, let crc) = BatchHeader.read(block, at: position) else { return false }
        return header.epoch == end.epoch && header.number == end.lastBatch && crc == end.chain
    }
}
