import Testing

@testable import Engine

/// The scanner's verdict and the parser's, as values that can be compared.
func scanJSON(_ bytes: [UInt8]) -> Result<JSONKind, JSONError> {
    bytes.withUnsafeBytes { text in
        Result { () throws(JSONError) in try JSONScanner.validate(text) }
    }
}

func parseJSON(_ bytes: [UInt8]) -> Result<JSON, JSONError> {
    Result { () throws(JSONError) in try JSON.parse(bytes) }
}

func compactJSON(_ json: JSON) -> [UInt8] {
    var writer = JSONWriter()
    writer.value(json)
    return writer.bytes
}

extension Result where Failure == JSONError {
    var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

/// SplitMix64: the same numbers from the same seed, on every machine.
struct JSONSeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self)]
    }
}

extension JSON {
    private static let characters: [Unicode.Scalar] = [
        "a", "Z", "0", " ", "\"", "\\", "/", "\u{0}", "\u{1F}", "\n", "\t", "\u{7F}", "\u{80}", "é", "\u{7FF}",
        "\u{800}",
        "字", "\u{D7FF}", "\u{E000}", "\u{FFFF}", "\u{10000}", "😀", "\u{10FFFF}", "\u{301}",
    ]
    private static let numbers = [
        "0", "-0", "1", "-1", "0.0", "1e400", "1E+2", "1.50", "9223372036854775807", "-9223372036854775808",
        "18446744073709551615", "18446744073709551616", "1234567890123456789012345678901234567890", "2.5e-3",
    ]

    static func random(depth: Int, _ random: inout JSONSeededGenerator) -> JSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .number(JSONNumber(validated: random.pick(numbers)))
        case 3, 4: return .string(randomText(&random))
        case 5, 6:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                object.set(randomText(&random), .random(depth: depth - 1, &random))
            }
            return .object(object)
        default:
            return .array((0..<Int.random(in: 0...5, using: &random)).map { _ in .random(depth: depth - 1, &random) })
        }
    }

    static func randomText(_ random: inout JSONSeededGenerator) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...40, using: &random) {
            text.unicodeScalars.append(Bool.random(using: &random) ? "x" : random.pick(characters))
        }
        return text
    }
}
