/// Finds what a second engine wrote: the successor of a segment fixed that segment's end, and somebody went on writing there
/// (I9, R9). Those batches were acknowledged by their writer; they are no dead bytes.
///
/// What a crash leaves behind an end is never a sound continuation of the log: that would have been taken for the log.
enum OtherWriter {
    /// The first batch with records that goes on where the log of that segment was ended; nil: there is none.
    ///
    /// `codec`: nil if the key isn't here; then the checksums have to do.
    static func firstBatch<IO: StorageIO>(
        behind end: LogEnd,
        in window: inout SegmentWindow<IO>,
        _ codec: BatchCodec?
    ) throws(StorageError) -> BatchHeader? {
        guard !isMutant(.noOtherWriterCheck) else { return nil }
        var end = end
        while true {
            let block = try window.bytes(at: end.offset, LogLimits.blockBytes)
            let position = BatchHeader.Position(segment: end.segment, offset: end.offset)
            guard case .valid(let found, let crc) = BatchHeader.read(block, at: position), found.epoch == end.epoch,
                found.number == end.lastBatch.next, found.chain == end.chain, found.firstLSN == end.nextLSN,
                found.paddedBytes <= LogLimits.maximumBatchBytes
            else { return nil }
            let whole = try window.bytes(at: end.offset, found.paddedBytes)
            guard whole.count == found.paddedBytes else { return nil }
            let payload = whole.part(BatchHeader.encodedBytes, Int(found.storedBytes))
            guard crc32c(payload) == found.payloadCRC else { return nil }
            if found.recordCount > 0 { return makesSense(payload, found, codec) ? found : nil }
            // A seal says nothing to anybody; what comes behind it may.
            end.lastBatch = found.number
            end.chain = crc
            end.offset += UInt64(found.paddedBytes)
        }
    }

    /// A batch that nobody can read (R15) may have been cut off by an operator.
    private static func makesSense(_ payload: UnsafeRawBufferPointer, _ batch: BatchHeader, _ codec: BatchCodec?) -> Bool {
        guard let codec else { return true }
        guard let raw = try? codec.decode(payload, batch) else { return false }
        var reader = RecordReader(raw)
        var count: UInt32 = 0
        do {
            while try reader.next() != nil { count += 1 }
        } catch {
            return false
        }
        return count == batch.recordCount
    }
}

extension SegmentHeader {
    /// A whole block of zeros: no header was ever written there.
    static func isBlank(_ block: UnsafeRawBufferPointer) -> Bool {
        block.count == encodedBytes && block.isAllZero
    }
}
