/// Strings: strict UTF-8, whole escapes, no lone surrogates.
extension JSONCursor {
    /// From the opening quote to behind the closing one: strict UTF-8, whole escapes. Returns whether there are escapes.
    @inline(__always)
    mutating func skipString() throws(JSONError) -> Bool {
        position &+= 1
        // Short and plain: nearly every key, id and name of an envelope.
        if position &+ JSONBytes.wordBytes <= count {
            let marks = JSONBytes.marksOfSpecial(word(at: position))
            if marks != 0 {
                let end = position &+ JSONBytes.firstMark(marks)
                if byte(at: end) == UInt8(ascii: "\"") {
                    position = end &+ 1
                    return false
                }
            }
        }
        return try skipStringBody()
    }

    @inline(never)
    private mutating func skipStringBody() throws(JSONError) -> Bool {
        var hasEscapes = false
        while true {
            skipPlain()
            guard position < count else { throw JSONError(.endOfText, at: count) }
            switch byte(at: position) {
            case UInt8(ascii: "\""):
                position &+= 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape()
            case 0x80...:
                try skipMultibyte()
            default:
                throw JSONError(.controlCharacter, at: position)
            }
        }
    }

    /// To the next byte that isn't plain ASCII text, or to the end.
    @inline(__always)
    private mutating func skipPlain() {
        let stride = 4 * JSONBytes.wordBytes
        while position &+ stride <= count {
            let first = JSONBytes.marksOfSpecial(word(at: position))
            let second = JSONBytes.marksOfSpecial(word(at: position &+ 8))
            let third = JSONBytes.marksOfSpecial(word(at: position &+ 16))
            let fourth = JSONBytes.marksOfSpecial(word(at: position &+ 24))
            if (first | second | third | fourth) != 0 { break }
            position &+= stride
        }
        while position &+ JSONBytes.wordBytes <= count {
            let marks = JSONBytes.marksOfSpecial(word(at: position))
            if marks != 0 {
                position &+= JSONBytes.firstMark(marks)
                return
            }
            position &+= JSONBytes.wordBytes
        }
        while position < count {
            let byte = byte(at: position)
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            position &+= 1
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        let start = position
        guard start &+ 1 < count else { throw JSONError(.endOfText, at: count) }
        switch byte(at: start &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position &+= 2
        case UInt8(ascii: "u"):
            _ = try skipUnicodeEscape()
        default:
            throw JSONError(.invalidEscape, at: start)
        }
    }

    /// `\uXXXX`, or two of them when the first is the high half of a surrogate pair. Returns the character.
    mutating func skipUnicodeEscape() throws(JSONError) -> UInt32 {
        let start = position
        let unit = try hexQuad(at: start &+ 2)
        position = start &+ 6
        guard unit & 0xF800 == 0xD800 else { return unit }
        guard unit < 0xDC00 else { throw JSONError(.loneSurrogate, at: start) }
        for (index, expected) in [UInt8(ascii: "\\"), UInt8(ascii: "u")].enumerated() {
            guard position &+ index < count else { throw JSONError(.endOfText, at: count) }
            guard byte(at: position &+ index) == expected else { throw JSONError(.loneSurrogate, at: start) }
        }
        let low = try hexQuad(at: position &+ 2)
        guard low & 0xFC00 == 0xDC00 else { throw JSONError(.loneSurrogate, at: start) }
        position &+= 6
        return 0x10000 &+ ((unit & 0x3FF) &<< 10) &+ (low & 0x3FF)
    }

    /// Four hexadecimal digits; the escape they belong to starts two bytes before.
    private func hexQuad(at index: Int) throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for offset in 0..<4 {
            guard index &+ offset < count else { throw JSONError(.endOfText, at: count) }
            guard let digit = byte(at: index &+ offset).hexValue else {
                throw JSONError(.invalidEscape, at: index &- 2)
            }
            value = value &<< 4 | UInt32(digit)
        }
        return value
    }
}

// MARK: - UTF-8

extension JSONCursor {
    /// A run of characters outside ASCII. Rejects what Unicode's table 3-7 doesn't list: stray continuations, overlong
    /// forms, surrogates, values above U+10FFFF.
    @inline(__always)
    private mutating func skipMultibyte() throws(JSONError) {
        while position < count {
            let lead = byte(at: position)
            switch lead {
            case 0..<0x80:
                return
            case 0xC2...0xDF:
                try require(1, of: position, second: 0x80...0xBF)
                position &+= 2
            case 0xE0:
                try require(2, of: position, second: 0xA0...0xBF)
                position &+= 3
            case 0xED:
                try require(2, of: position, second: 0x80...0x9F)
                position &+= 3
            case 0xE1...0xEF:
                try require(2, of: position, second: 0x80...0xBF)
                position &+= 3
            case 0xF0:
                try require(3, of: position, second: 0x90...0xBF)
                position &+= 4
            case 0xF1...0xF3:
                try require(3, of: position, second: 0x80...0xBF)
                position &+= 4
            case 0xF4:
                try require(3, of: position, second: 0x80...0x8F)
                position &+= 4
            default:
                throw JSONError(.invalidUTF8, at: position)
            }
        }
    }

    /// `number` continuation bytes behind the lead byte; the first of them within `second`.
    @inline(__always)
    private func require(_ number: Int, of lead: Int, second: ClosedRange<UInt8>) throws(JSONError) {
        for index in 1...number {
            guard lead &+ index < count else { throw JSONError(.endOfText, at: count) }
            let byte = byte(at: lead &+ index)
            let isValid = index == 1 ? second.contains(byte) : byte & 0xC0 == 0x80
            guard isValid else { throw JSONError(.invalidUTF8, at: lead) }
        }
    }
}
