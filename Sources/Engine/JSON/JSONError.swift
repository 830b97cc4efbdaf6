/// Why a text isn't the JSON that was asked for, and where.
public struct JSONError: Error, Equatable, Sendable {
    /// What is wrong with the text.
    public struct Code: Hashable, Sendable {
        fileprivate enum Kind: UInt8 {
            case endOfText, expectedValue, expectedKey, expectedKeyOrEnd, expectedColon, expectedCommaOrBrace
            case expectedCommaOrBracket, trailingCharacters, invalidNumber, controlCharacter, invalidEscape
            case loneSurrogate, invalidUTF8, tooDeep, notAnObject, notAnArray
        }

        fileprivate let kind: Kind

        /// The text stops where it must go on. Every proper prefix of a valid object, array or string fails so.
        public static let endOfText = Code(kind: .endOfText)
        public static let expectedValue = Code(kind: .expectedValue)
        /// After the comma of an object.
        public static let expectedKey = Code(kind: .expectedKey)
        /// After the opening brace of an object.
        public static let expectedKeyOrEnd = Code(kind: .expectedKeyOrEnd)
        public static let expectedColon = Code(kind: .expectedColon)
        public static let expectedCommaOrBrace = Code(kind: .expectedCommaOrBrace)
        public static let expectedCommaOrBracket = Code(kind: .expectedCommaOrBracket)
        /// Something stands after the one value that a text holds.
        public static let trailingCharacters = Code(kind: .trailingCharacters)
        public static let invalidNumber = Code(kind: .invalidNumber)
        /// A raw byte below 0x20 inside a string.
        public static let controlCharacter = Code(kind: .controlCharacter)
        public static let invalidEscape = Code(kind: .invalidEscape)
        /// `\ud800`-`\udfff` that isn't one half of a pair: it stands for no character.
        public static let loneSurrogate = Code(kind: .loneSurrogate)
        public static let invalidUTF8 = Code(kind: .invalidUTF8)
        /// More containers inside each other than `JSONLimits.maximumDepth`.
        public static let tooDeep = Code(kind: .tooDeep)
        /// Valid JSON, but not an object.
        public static let notAnObject = Code(kind: .notAnObject)
        /// Valid JSON, but not an array.
        public static let notAnArray = Code(kind: .notAnArray)
    }

    public var code: Code
    /// Distance in bytes from the start of the text to the first byte that is wrong or missing.
    public var offset: Int

    public init(_ code: Code, at offset: Int) {
        self.code = code
        self.offset = offset
    }
}

extension JSONError: CustomStringConvertible {
    public var description: String { "\(code) at byte \(offset)" }
}

extension JSONError.Code: CustomStringConvertible {
    public var description: String {
        switch kind {
        case .endOfText: "unexpected end of JSON"
        case .expectedValue: "expected a JSON value"
        case .expectedKey: "expected a key in double quotes"
        case .expectedKeyOrEnd: "expected a key in double quotes or `}`"
        case .expectedColon: "expected `:`"
        case .expectedCommaOrBrace: "expected `,` or `}`"
        case .expectedCommaOrBracket: "expected `,` or `]`"
        case .trailingCharacters: "unexpected characters after the JSON value"
        case .invalidNumber: "invalid number"
        case .controlCharacter: "control character in a string, must be escaped as `\\u00XX`"
        case .invalidEscape: "invalid escape in a string"
        case .loneSurrogate: "lone surrogate in a string"
        case .invalidUTF8: "invalid UTF-8"
        case .tooDeep: "nesting deeper than \(JSONLimits.maximumDepth)"
        case .notAnObject: "expected a JSON object"
        case .notAnArray: "expected a JSON array"
        }
    }
}
