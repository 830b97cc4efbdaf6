import Testing

@testable import Engine

@Suite("YAML errors and limits")
struct YAMLErrorTests {
    @Test(
        "each error has its reason, line and column",
        arguments: [
            ("a: 1\n---\nb: 2", "more than one YAML document", 2, 1),
            ("a: [1, 2", "did not find expected ',' or ']'", 2, 1),
            ("a: 1\n  b: 2", "mapping values are not allowed", 2, 4),
            ("a: *gone", "unknown anchor `gone`", 1, 4),
            ("a: &x [*x]", "unknown anchor `x`", 1, 8),
            ("a: 1\nb: 2\na: 3", "duplicate key `a`, used before at line 1 column 1", 3, 1),
            ("x: {a: 1, 'a': 2}", "duplicate key `a`, used before at line 1 column 5", 1, 11),
            ("<<: {}\n<<: {}", "duplicate key `<<`", 2, 1),
            ("<<: 5", "the merge key `<<` takes a mapping", 1, 5),
            ("<<: [{}, x]", "the merge key `<<` takes a mapping", 1, 10),
            ("a: !mine 5", "tag `!mine` has no meaning here", 1, 4),
            ("a: !mine [5]", "tag `!mine` has no meaning here", 1, 4),
            ("a: !!int five", "isn't a number", 1, 4),
            ("b: 1\n5: x", "a mapping key must be a string; put `5` in quotes", 2, 1),
            ("true: x", "a mapping key must be a string; put `true` in quotes", 1, 1),
            ("[a]: x", "a mapping key must be a string, not a list or a mapping", 1, 1),
            ("a:\n\t- b", "found character that cannot start any token", 2, 1),
            ("a: \"x", "found unexpected end of stream", 1, 6),
            ("a: \u{0}", "control characters are not allowed", 1, 4),
            ("é: 1\nü: @", "found character that cannot start any token", 2, 4),
        ]
    )
    func reason(text: String, reason: String, line: Int, column: Int) throws {
        let error = try #require(throws: YAMLError.self) {
            _ = try YAML.parse(text)?.json()
        }
        #expect(error.reason.contains(reason), "\(error)")
        #expect(error.mark == SourceMark(line: line, column: column), "\(error)")
    }

    @Test("invalid UTF-8 names its place")
    func invalidUTF8() throws {
        let error = try #require(throws: YAMLError.self) { _ = try YAML.parse(Array("a: 1\nb: ".utf8) + [0xFF]) }
        #expect(error.mark == SourceMark(line: 2, column: 4))
    }

    @Test("depth limit, direct and through aliases", arguments: [127, 128, 129, 1000])
    func depth(levels: Int) throws {
        let text = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        if levels <= YAMLLimits.maximumDepth {
            _ = try YAML.parse(text)?.json()
        } else {
            let error = try #require(throws: YAMLError.self) { _ = try YAML.parse(text) }
            #expect(error.reason == "nested deeper than 128 levels")
        }
        let half = String(repeating: "[", count: levels / 2)
        let close = String(repeating: "]", count: levels / 2)
        let aliased = "a: &a \(half)\(close)\nb: \(half)*a\(close)"
        // The mapping around both is a level too.
        let total = 1 + 2 * (levels / 2)
        #expect((try? YAML.parse(aliased)) != nil || total > YAMLLimits.maximumDepth)
        #expect((try? YAML.parse(aliased)) == nil || total <= YAMLLimits.maximumDepth)
    }

    @Test("a billion laughs are refused before they are laughed")
    func billionLaughs() throws {
        var text = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...9 {
            let parts = Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ", ")
            text += "l\(level): &l\(level) [\(parts)]\n"
        }
        let error = try #require(throws: YAMLError.self) { _ = try YAML.parse(text) }
        #expect(error.reason == "more than 100000 nodes once aliases are expanded")
        #expect(error.mark.line == 5)
    }

    @Test("the node limit is exact")
    func nodeLimit() throws {
        // The sequence itself is a node too.
        let fits = "[" + Array(repeating: "1", count: YAMLLimits.maximumNodes - 1).joined(separator: ",") + "]"
        _ = try YAML.parse(fits)
        let error = try #require(throws: YAMLError.self) { _ = try YAML.parse(fits.dropLast() + ",1]") }
        #expect(error.reason.hasPrefix("more than 100000 nodes"))
    }

    @Test("marks point at members and elements")
    func marks() throws {
        var marks = SourceMarks()
        let node = try #require(try YAML.parse("adapter:\n  name: kv\n  list:\n    - 1\n    -  two\n"))
        _ = try node.json(marks: &marks)
        let adapter = ConfigPath.root.member("adapter")
        #expect(marks.key(adapter) == SourceMark(line: 1, column: 1))
        #expect(marks.value(adapter) == SourceMark(line: 2, column: 3))
        #expect(marks.value(adapter.member("name")) == SourceMark(line: 2, column: 9))
        #expect(marks.value(adapter.member("list").index(1)) == SourceMark(line: 5, column: 8))
    }

    @Test("random texts never crash", arguments: [UInt64(0x5EED_0001), 0x5EED_0002])
    func mutations(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let alphabet = Array("ab: -[]{}&*!|>'\"#%@,?\n \t~01.x\\\u{80}".utf8)
        var parsed = 0
        for _ in 0..<20_000 {
            let count = Int(random.next() % 40)
            let bytes = (0..<count).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            if (try? YAML.parse(bytes)?.json()) != nil { parsed += 1 }
        }
        #expect(parsed > 0, "seed \(seed)")
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
