import Testing

@testable import Adapters
@testable import Engine

@Suite struct UpstreamValueTextTests {
    private func rewritten(_ text: String) throws -> String {
        var output = Array("before:".utf8)
        try UpstreamValueText.append(Array(text.utf8), key: "k", to: &output)
        #expect(output.starts(with: "before:".utf8))
        return Array(output.dropFirst(7)).text
    }

    @Test(arguments: [
        ("null", "null"), (" true ", "true"), ("\t\"a b\"\n", #""a b""#), ("[ 1 , 2 ]", "[1,2]"), ("[]", "[]"),
        ("{ }", "{}"), (#"{ "b" : 1 , "a" : 2 }"#, #"{"a":2,"b":1}"#), (#"{"a":1,"b":2}"#, #"{"a":1,"b":2}"#),
        (#"[{"b":{"d":1,"c":2},"a":[{"z":1,"y":2}]}]"#, #"[{"a":[{"y":2,"z":1}],"b":{"c":2,"d":1}}]"#),
        (#"{"b":1,"a":2,"b":3,"a":4}"#, #"{"a":4,"b":3}"#), (#"{"a":1,"\u0061":2}"#, #"{"a":2}"#),
        (#"{"ab":1,"a":2,"":3}"#, #"{"":3,"a":2,"ab":1}"#), (#"{"a\"":1,"a!":2,"a#":3}"#, #"{"a!":2,"a\"":1,"a#":3}"#),
        (#"{"é":1,"z":2,"😀":3,"\uffff":4}"#, "{\"z\":2,\"é\":1,\"\u{FFFF}\":4,\"😀\":3}"),
        (#""\u00e9\/\u0041\u000a\u001f""#, #""é/A\n\u001f""#), (#""a \" , { } : \\""#, #""a \" , { } : \\""#),
        ("1.50", "1.50"), ("1E+2", "1E+2"), ("-0", "-0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ])
    func table(_ given: String, _ expected: String) throws {
        #expect(try rewritten(given) == expected)
        #expect(try rewritten(expected) == expected)
    }

    /// A tree with its objects sorted, written by the engine's writer, is the same text.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func agreesWithASortedTree(_ seed: UInt64) throws {
        var random = UpstreamRandom(seed: seed)
        for _ in 0..<100 {
            let text = randomValue(5, &random)
            #expect(try rewritten(text) == JSON.parse(text).sorted.description, "\(text)")
        }
    }

    /// With white space, escapes and equal keys.
    private func randomValue(_ depth: Int, _ random: inout UpstreamRandom) -> String {
        let space = { (random: inout UpstreamRandom) in random.pick(["", "", " ", "\n\t", "\r "]) }
        func text(_ random: inout UpstreamRandom) -> String {
            var writer = JSONWriter()
            writer.string(random.text(upTo: 4))
            return random.pick([writer.bytes.text, #""\u0061""#, #""a""#, #""\/""#, #""\ud83d\ude00""#])
        }
        func items(_ random: inout UpstreamRandom, _ item: (inout UpstreamRandom) -> String) -> String {
            (0..<Int.random(in: 0...6, using: &random)).map { _ in space(&random) + item(&random) + space(&random) }
                .joined(separator: ",")
        }
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &random) {
        case 0: return random.pick(["null", "true", "false"])
        case 1: return random.pick(["0", "-1.5", "1e5", "18446744073709551615", "2.0", "1e308"])
        case 2, 3: return text(&random)
        case 4: return "[" + items(&random) { randomValue(depth - 1, &$0) } + space(&random) + "]"
        default:
            return "{" + items(&random) { text(&$0) + space(&$0) + ":" + space(&$0) + randomValue(depth - 1, &$0) }
                + "}"
        }
    }

    @Test func depth() throws {
        let deepest = String(repeating: "[", count: 126) + String(repeating: "]", count: 126)
        #expect(try rewritten(deepest) == deepest)
        for text in [
            "[" + deepest + "]", String(repeating: #"{"a":"#, count: 200) + "1" + String(repeating: "}", count: 200),
        ] {
            let error = #expect(throws: UpstreamError.self) { try rewritten(text) }
            #expect(error?.code == .unreadableUpstream)
        }
    }

    @Test(arguments: ["1e400", "-1E309", "[1,{\"a\":1e999}]", "1" + String(repeating: "0", count: 309)])
    func numbersThatUpstreamCannotLoad(_ text: String) {
        let error = #expect(throws: UpstreamError.self) { try rewritten(text) }
        #expect(error?.code == .unreadableUpstream)
    }

    @Test(arguments: [
        "1e308", "1e-400", "1.7976931348623157e308", "1" + String(repeating: "0", count: 308), "\"1e400\"",
    ])
    func numbersThatUpstreamLoads(_ text: String) throws {
        #expect(try rewritten(text) == text)
    }

    @Test(arguments: ["", " ", "{", "[1,]", "tru", "1 2", "{\"a\":1,}", "\"\\x\"", "\"\u{1}\""])
    func whatIsNotJSON(_ text: String) {
        let error = #expect(throws: UpstreamError.self) { try rewritten(text) }
        #expect(error?.code == .notJSON)
    }
}

extension JSON {
    /// Objects in byte order of their keys, as upstream's maps.
    fileprivate var sorted: JSON {
        switch self {
        case .array(let elements): return .array(elements.map(\.sorted))
        case .object(let object):
            var sorted = JSONObject()
            for (key, value) in object.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
                sorted.set(key, value.sorted)
            }
            return .object(sorted)
        default: return self
        }
    }
}
