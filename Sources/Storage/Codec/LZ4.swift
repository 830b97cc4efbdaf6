import CLZ4

/// LZ4 block format: no frame, no lengths, no checksum of its own; whoever stores a block keeps both lengths and a CRC.
///
/// Every function may be called from any thread. Source and destination must not overlap.
enum LZ4 {
    /// Nothing larger is ever stored in one piece, so nothing larger is ever compressed.
    static let maximumBytes = LogLimits.maximumBatchBytes

    /// Largest block that `bytes` can become. A destination of this size always suffices.
    static func bound(_ bytes: Int) -> Int {
        precondition(bytes >= 0 && bytes <= maximumBytes, "beyond the limit of one LZ4 block")
        return Int(LZ4_compressBound(Int32(bytes)))
    }

    /// Compresses all of `source` to the start of `destination`.
    ///
    /// - Returns: bytes written; nil when they did not fit, then the destination's content is unspecified. Give a
    ///   destination that is as small as the result must be to be worth it: the compressor stops early.
    static func compress(
        _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer
    ) -> Int? {
        precondition(source.count <= maximumBytes, "beyond the limit of one LZ4 block")
        guard let to = destination.baseAddress, !destination.isEmpty else { return nil }
        // An empty source has no address, the library wants one; it reads nothing there.
        let from = source.baseAddress ?? UnsafeRawPointer(to)
        let written = LZ4_compress_default(
            from.assumingMemoryBound(to: CChar.self),
            to.assumingMemoryBound(to: CChar.self),
            Int32(source.count),
            Int32(clamping: destination.count)
        )
        precondition(written >= 0 && Int(written) <= destination.count, "LZ4 wrote beyond its destination")
        return written > 0 ? Int(written) : nil
    }

    /// Decompresses a block.
    ///
    /// - Returns: true only if the block is well formed and filled the destination exactly. After false the
    ///   destination's content is unspecified. Nothing outside the two buffers is read or written, whatever the source
    ///   holds.
    static func decompress(
        _ source: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard destination.count <= maximumBytes, source.count <= bound(destination.count) else { return false }
        guard let from = source.baseAddress, !source.isEmpty else { return false }
        guard let to = destination.baseAddress, !destination.isEmpty else { return isEmptyBlock(source) }
        let written = LZ4_decompress_safe(
            from.assumingMemoryBound(to: CChar.self),
            to.assumingMemoryBound(to: CChar.self),
            Int32(source.count),
            Int32(destination.count)
        )
        return Int(written) == destination.count
    }

    /// A block of nothing is one token: no literals, no match.
    private static func isEmptyBlock(_ source: UnsafeRawBufferPointer) -> Bool {
        source.count == 1 && source[0] == 0
    }
}
