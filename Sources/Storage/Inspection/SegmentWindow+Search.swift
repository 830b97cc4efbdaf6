/// Searches that read a whole segment.
extension SegmentWindow {
    /// Whether any batch that was written for this segment number stands anywhere in the file.
    mutating func holdsBatch(of number: SegmentNumber) throws(StorageError) -> Bool {
        var offset = LogLimits.firstBatchOffset
        while offset < size {
            let block = try bytes(at: offset, LogLimits.blockBytes)
            if case .invalid = BatchHeader.read(block, at: .init(segment: number, offset: offset)) {
                offset += UInt64(LogLimits.blockBytes)
            } else {
                return true
            }
        }
        return false
    }

    /// End of the last non-zero byte at or after `start`, which must be a block edge; `start` if there is none.
    mutating func usedBytes(from start: UInt64) throws(StorageError) -> UInt64 {
        var used = start
        var offset = start
        while offset < size {
            let block = try bytes(at: offset, LogLimits.blockBytes)
            if !block.isAllZero, let last = block.lastIndex(where: { $0 != 0 }) { used = offset + UInt64(last) + 1 }
            offset += UInt64(LogLimits.blockBytes)
        }
        return used
    }
}
