/// How upstream names the file of an index: the bytes `A-Z a-z 0-9 - _ .` as they are, every other byte of the name's
/// UTF-8 as `%XX` in upper case, then `.bin` (state.md §6.2).
///
/// | index | file |
/// |---|---|
/// | `users` | `users.bin` |
/// | `a/b` | `a%2Fb.bin` |
/// | `stream:chat:room-1` | `stream%3Achat%3Aroom-1.bin` |
/// | (empty) | `.bin` |
///
/// Encoding is one to one: of two file names that could mean one index, exactly one is accepted.
public enum UpstreamIndexName {
    static let suffix = ".bin"
    /// What upstream, and the writer here, write before they rename it.
    static let temporarySuffix = ".bin.tmp"
    /// Longest file name of the usual file systems.
    static let maximumFileNameBytes = 255
    /// Longest encoded name that upstream can save: its temporary name must fit too.
    public static let maximumEncodedBytes = maximumFileNameBytes - temporarySuffix.utf8.count

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    /// The file name. Fails with `.nameTooLong`.
    public static func encode(_ index: String) throws(UpstreamError) -> String {
        var bytes: [UInt8] = []
        for byte in index.utf8 {
            if byte.isLiteralInFileName {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 0xF)]]
            }
        }
        guard bytes.count <= maximumEncodedBytes else {
            throw UpstreamError(
                .nameTooLong,
                "the name of the index takes \(bytes.count) bytes encoded, a file of upstream's has room for "
                    + "\(maximumEncodedBytes). Shorten the name, or leave this index out"
            )
        }
        return String(decoding: bytes, as: UTF8.self) + suffix
    }

    /// The index of a file name that `encode` makes, or would make if it weren't too long. Fails for every other one.
    public static func decode(_ fileName: String) throws(UpstreamNameError) -> String {
        guard fileName.utf8.reversed().starts(with: suffix.utf8.reversed()) else {
            throw UpstreamNameError(.noSuffix, at: fileName.utf8.count)
        }
        let encoded = Array(fileName.utf8.dropLast(suffix.utf8.count))
        var bytes: [UInt8] = []
        var position = 0
        while position < encoded.count {
            let byte = encoded[position]
            if byte == UInt8(ascii: "%") {
                bytes.append(try escaped(encoded, at: position))
                position += 3
            } else {
                guard byte.isLiteralInFileName else { throw UpstreamNameError(.notEscaped, at: position) }
                bytes.append(byte)
                position += 1
            }
        }
        guard let index = String(validating: bytes, as: UTF8.self) else { throw UpstreamNameError(.notUTF8, at: 0) }
        return index
    }

    private static func escaped(_ encoded: [UInt8], at position: Int) throws(UpstreamNameError) -> UInt8 {
        guard position + 2 < encoded.count,
            let high = hexDigits.firstIndex(of: encoded[position + 1]),
            let low = hexDigits.firstIndex(of: encoded[position + 2])
        else { throw UpstreamNameError(.invalidEscape, at: position) }
        let byte = UInt8(high << 4 | low)
        guard !byte.isLiteralInFileName else { throw UpstreamNameError(.needlessEscape, at: position) }
        return byte
    }
}

/// Why a file name isn't one that upstream writes.
public struct UpstreamNameError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: Sendable {
        case noSuffix, notEscaped, invalidEscape, needlessEscape, notUTF8
    }

    public var code: Code
    /// In bytes from the start of the file name.
    public var offset: Int

    init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }

    public var description: String {
        switch code {
        case .noSuffix: "the name doesn't end in .bin"
        case .notEscaped: "a character at byte \(offset) of the name must be written as %XX"
        case .invalidEscape: "`%` without two upper-case hexadecimal digits at byte \(offset) of the name"
        case .needlessEscape: "a character at byte \(offset) of the name must not be escaped"
        case .notUTF8: "the name stands for bytes that aren't UTF-8"
        }
    }
}

extension UInt8 {
    fileprivate var isLiteralInFileName: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }
}
