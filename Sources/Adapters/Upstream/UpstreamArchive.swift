/// The bytes of one index file: an rkyv 0.8 archive (little-endian, 32-bit pointers) of a single string, which holds
/// the index as a JSON object (state.md §6.2). It has no checksum: damage that leaves the text a JSON object of the same
/// length can't be seen.
///
/// A text of more than 8 bytes:
///
/// | bytes | content |
/// |---|---|
/// | 0 ..< n | the text, UTF-8 |
/// | n ..< r | zeros; r is n rounded up to 4 |
/// | r ..< r + 4 | root: encoded length, u32 little-endian: `n & 0x3F \| 0x80 \| (n & ~0x3F) << 2` |
/// | r + 4 ..< r + 8 | root: start of the text minus r, i32 little-endian, so `-r` |
///
/// A text of up to 8 bytes is the root itself: 8 bytes, the text and then `0xFF`. The two top bits of the root's first
/// byte tell which: `10` is no first bit pattern of a UTF-8 text.
///
/// The 8 to 11 bytes behind the text are part of the format. Who takes them for garbage and cuts them off makes the
/// file unreadable for upstream, which then starts with an empty index and overwrites the file.
public enum UpstreamArchive {
    public static let rootBytes = 8
    static let inlineBytes = rootBytes
    static let alignment = 4
    /// 30 bits of length: one byte less than 1 GiB.
    public static let maximumTextBytes = (1 << 30) - 1
    /// The greatest text, padded, and its root: 1 GiB and 8 bytes.
    public static let maximumFileBytes = padded(maximumTextBytes) + rootBytes

    private static let fill: UInt8 = 0xFF

    static func padded(_ count: Int) -> Int { (count + alignment - 1) & ~(alignment - 1) }

    // MARK: Writing

    /// The file's bytes for a text. Fails with `.tooLarge` or `.notUTF8`.
    public static func encode(_ text: consuming [UInt8]) throws(UpstreamArchiveError) -> [UInt8] {
        let count = text.count
        guard count <= maximumTextBytes else {
            throw UpstreamArchiveError(
                .tooLarge,
                at: maximumTextBytes,
                "the text has \(count) bytes, the format takes \(maximumTextBytes)"
            )
        }
        try requireUTF8(text, count)
        if count <= inlineBytes {
            text.append(contentsOf: repeatElement(fill, count: inlineBytes - count))
            return text
        }
        text.append(contentsOf: repeatElement(0, count: padded(count) - count))
        text.append(littleEndian: encodedLength(count))
        text.append(littleEndian: UInt32(bitPattern: -Int32(padded(count))))
        return text
    }

    static func encodedLength(_ count: Int) -> UInt32 {
        let length = UInt32(truncatingIfNeeded: count)
        return length & 0x3F | 0x80 | (length & ~0x3F) << 2
    }

    // MARK: Reading

    /// Where the text lies in the file: always from its first byte. Total: every other content than what `encode` makes
    /// fails with what is wrong and where.
    public static func textRange(of file: [UInt8]) throws(UpstreamArchiveError) -> Range<Int> {
        let range = try uncheckedTextRange(of: file)
        try requireUTF8(file, range.count)
        return range
    }

    /// Same, without the look at the text: for a reader that checks it anyway.
    static func uncheckedTextRange(of file: [UInt8]) throws(UpstreamArchiveError) -> Range<Int> {
        try requireSize(file)
        let position = file.count - rootBytes
        guard let root = root(in: file, at: position) else { return try inlineRange(file) }
        try requireRoot(position, names: root.start, root.length, in: file)
        return 0..<root.length
    }

    /// Start and length of the text that the root at `position` names, unchecked; nil when there is no such root.
    static func root(in file: [UInt8], at position: Int) -> (start: Int, length: Int)? {
        guard position >= 0, position + rootBytes <= file.count, file[position] & 0xC0 == 0x80 else { return nil }
        let offset = Int32(bitPattern: file.littleEndian(at: position + 4))
        return (position + Int(offset), decodedLength(file.littleEndian(at: position)))
    }

    static func decodedLength(_ value: UInt32) -> Int { Int(value & 0x3F | (value & ~0xFF) >> 2) }

    private static func requireSize(_ file: [UInt8]) throws(UpstreamArchiveError) {
        guard file.count >= rootBytes else {
            let message = "the file has \(file.count) bytes, the smallest has \(rootBytes)"
            throw UpstreamArchiveError(.tooShort, at: file.count, message)
        }
        guard file.count <= maximumFileBytes else {
            let message = "the file has \(file.count) bytes, the greatest has \(maximumFileBytes)"
            throw UpstreamArchiveError(.tooLarge, at: maximumFileBytes, message)
        }
        guard file[0] != 0 || file.contains(where: { $0 != 0 }) else {
            throw UpstreamArchiveError(
                .onlyZeros,
                at: 0,
                "the file holds \(file.count) zeros, its content was never written"
            )
        }
    }

    private static func inlineRange(_ file: [UInt8]) throws(UpstreamArchiveError) -> Range<Int> {
        guard file.count == inlineBytes else {
            throw UpstreamArchiveError(
                .noRoot,
                at: file.count - rootBytes,
                "the last \(rootBytes) bytes aren't the root of a text of more than \(inlineBytes) bytes"
            )
        }
        let length = file.firstIndex(of: fill) ?? inlineBytes
        if let wrong = file[length...].firstIndex(where: { $0 != fill }) {
            throw UpstreamArchiveError(.badFill, at: wrong, "expected 0xFF behind the text of \(length) bytes")
        }
        return 0..<length
    }

    private static func requireRoot(
        _ root: Int,
        names start: Int,
        _ length: Int,
        in file: [UInt8]
    ) throws(UpstreamArchiveError) {
        guard length > inlineBytes else {
            let message = "the root names a text of \(length) bytes, which would stand in the root itself"
            throw UpstreamArchiveError(.lengthTooSmall, at: root, message)
        }
        guard 0..<root ~= start else {
            throw UpstreamArchiveError(.offsetOutsideFile, at: root + 4, "the root points at byte \(start)")
        }
        guard length <= root - start else {
            let message = "the root names \(length) bytes from byte \(start) on, \(root - start) are there"
            throw UpstreamArchiveError(.lengthBeyondFile, at: root, message)
        }
        guard start == 0 else {
            throw UpstreamArchiveError(
                .textNotAtStart,
                at: start,
                "\(start) bytes stand before the text that the root names"
            )
        }
        guard padded(length) == root else {
            let message = "the root names \(length) bytes of text, \(root - length) more stand before it"
            throw UpstreamArchiveError(.unaccountedBytes, at: length, message)
        }
        if let wrong = file[length..<root].firstIndex(where: { $0 != 0 }) {
            throw UpstreamArchiveError(.badPadding, at: wrong, "expected zeros between the text and its root")
        }
    }

    private static func requireUTF8(_ bytes: [UInt8], _ length: Int) throws(UpstreamArchiveError) {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: bytes.span.extracting(0..<length))
        } catch {
            throw UpstreamArchiveError(.notUTF8, at: error.byteOffsets.lowerBound, "the text isn't UTF-8 from here on")
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian value: UInt32) {
        for shift in stride(from: 0 as UInt32, to: 32, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    fileprivate func littleEndian(at offset: Int) -> UInt32 {
        self[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
