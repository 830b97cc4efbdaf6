/// What a block claims to be, whether or not its checksum bears it out.
extension BatchHeader {
    /// Length of the batch that the block begins, if it looks like one of this epoch.
    static func claimedBytes(_ block: UnsafeRawBufferPointer, epoch: UInt64) -> UInt64? {
        guard block.count >= encodedBytes, block.prefix(4).elementsEqual(magic),
            block.loadLittle(UInt64.self, at: 8) == epoch
        else { return nil }
        let stored = Int(block.loadLittle(UInt32.self, at: 36))
        return UInt64(min(LogLimits.roundedToBlock(encodedBytes + stored), LogLimits.maximumBatchBytes))
    }

    /// A sound batch of this use of the file that was meant for another place in it: says which and where. The epoch keeps
    /// leftovers, and what values hold, out of this.
    static func misdirected(_ block: UnsafeRawBufferPointer, at here: Position, epoch: UInt64, fileBytes: UInt64)
        -> String?
    {
        guard claimedBytes(block, epoch: epoch) != nil else { return nil }
        for home in stride(from: LogLimits.firstBatchOffset, to: fileBytes, by: LogLimits.blockBytes)
        where home != here.offset {
            guard case .valid(let found, _) = read(block, at: .init(segment: here.segment, offset: home)) else {
                continue
            }
            return "batch \(found.number) of offset \(home) stands at offset \(here.offset)"
        }
        return nil
    }
}
