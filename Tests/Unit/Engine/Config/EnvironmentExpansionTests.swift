import Glibc
import Testing

@testable import Engine

@Suite("${VAR} in config.yaml, config-file.md §3")
struct EnvironmentExpansionTests {
    private static let variables: [String: String] = [
        "X": "value", "EMPTY": "", "A": "1", "B": "2", "N": "l1\nl2", "Q": "${X}",
    ]

    private func expand(_ text: String) -> EnvironmentExpansion.Outcome {
        EnvironmentExpansion.expand(Array(text.utf8)) { Self.variables[$0] }
    }

    private func expanded(_ text: String) -> String? {
        guard case .expanded(let result) = expand(text) else { return nil }
        return String(decoding: result.text, as: UTF8.self)
    }

    @Test(
        "the table's rows",
        arguments: [
            ("${X}", "value"),
            ("${EMPTY}", ""),
            ("${EMPTY:abc}", ""),
            ("${X:abc}", "value"),
            ("${U:abc}", "abc"),
            ("${U:}", ""),
            ("${U:-abc}", "-abc"),
            ("${U:redis://h:6379/0}", "redis://h:6379/0"),
            ("${U:__III_ENGINE_VERSION__}", "0.22.1"),
            ("${U: __III_ENGINE_VERSION__}", " __III_ENGINE_VERSION__"),
            ("${X:__III_ENGINE_VERSION__}", "value"),
            ("${U:${B:x}}", "${B:x}"),
            ("${A}${B}", "12"),
            ("${A}-${A}", "1-1"),
            ("$X", "$X"), ("$100", "$100"), ("${UNCLOSED", "${UNCLOSED"), ("${}", "${}"), ("${:x}", "${:x}"),
            ("$${A}", "$1"), ("$", "$"), ("a$", "a$"),
            ("${Q}", "${X}"),
            ("${ X :spaces}", "spaces"),
            ("p: ${U:3111}", "p: 3111"),
            ("${U:a\nb}", "a\nb"),
        ]
    )
    func row(text: String, expected: String) {
        #expect(expanded(text) == expected)
    }

    @Test("unset without default", arguments: ["${U}", "a: ${U}", "${ X }", "'${U}'", "${U}#"])
    func unset(text: String) {
        guard case .missing(let missing) = expand(text) else {
            Issue.record("expanded: \(text)")
            return
        }
        #expect(missing.count == 1)
    }

    @Test("all missing names are told, each with its place")
    func allMissing() {
        guard case .missing(let missing) = expand("a: ${U1}\n# ${U2}\nb:\n  c: ${U3} ${X} ${U1}\n") else {
            Issue.record("expanded")
            return
        }
        let expected = [("U1", 1, 4), ("U3", 4, 6), ("U1", 4, 17)].map {
            EnvironmentExpansion.Missing(name: $0.0, mark: SourceMark(line: $0.1, column: $0.2))
        }
        #expect(missing == expected)
    }

    @Test(
        "comments stay as they are",
        arguments: [
            "# ${U}", "a: 1 # ${U}", "a: 1\t# ${U}\nb: 2", "  # ${U}", "a: 'x' # ${U}", "a: \"x\\\"\" # ${U}",
            "a: 'it''s' # ${U}", "a: it's # ${U}", "a: it''s # ${U}", "a: |\n  text\nb: 1 # ${U}",
            "- a: |\n    x\n  b: 1 # ${U}",
            "a: [\"x\", 'y'] # ${U}", "a: ''\nb: 1 # ${U}", "a: > # ${U}\n  x", "a: don't say 'no # ${U}",
            "a: |\n\n\n  x\n\n# ${U}",
        ]
    )
    func comment(text: String) {
        #expect(expanded(text) == text)
    }

    @Test(
        "no comment",
        arguments: [
            "a: x#${U}", "a: '# ${U}'", "a: \"# ${U}\"", "a: \"\\\" # ${U}\"", "a: 'it''s # ${U}'", "a: |\n  # ${U}\n",
            "a: |-\n  x\n\n  # ${U}\n", "- |\n # ${U}\n", "- a: >+2\n     # ${U}", "a: ['# ${U}']", "a: {b: '# ${U}'}",
            "a: \"x\n  # ${U}\"", "- - '# ${U}'", "a:\n  - |\n   # ${U}\n", "a: | # why\n  # ${U}",
        ]
    )
    func noComment(text: String) {
        guard case .missing(let missing) = expand(text) else {
            Issue.record("taken for a comment: \(text)")
            return
        }
        #expect(missing.map(\.name) == ["U"])
    }

    @Test("lines of the file survive values with line breaks")
    func lines() throws {
        guard case .expanded(let result) = expand("a: ${N}\nb: ${U:x\ny}\nc: 1\n") else {
            Issue.record("missing")
            return
        }
        #expect(String(decoding: result.text, as: UTF8.self) == "a: l1\nl2\nb: x\ny\nc: 1\n")
        #expect((1...5).map(result.fileLine) == [1, 1, 2, 2, 4])
    }

    @Test("random texts without comments: as the grammar says", arguments: [UInt64(0x5EED_0003), 0x5EED_0004])
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pieces = ["${", "}", ":", "$", "X", "A", "U", "-", " ", "\n", "'", "\"", "|", "${X}", "${U:d}", "é"]
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &random)]
            }.joined()
            #expect(expanded(text) == Self.naive(text), "seed \(seed): \(text.debugDescription)")
        }
    }

    /// Nil when a name is missing.
    private static func naive(_ text: String) -> String? {
        var rest = Substring(text)
        var result = ""
        while let start = rest.range(of: "${") {
            result += rest[..<start.lowerBound]
            let body = rest[start.upperBound...]
            guard let close = body.firstIndex(of: "}") else { return result + rest[start.lowerBound...] }
            let parts = body[..<close].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0].isEmpty {
                result += "$"
                rest = rest[rest.index(after: start.lowerBound)...]
                continue
            }
            guard let value = variables[String(parts[0])] ?? (parts.count > 1 ? String(parts[1]) : nil) else {
                return nil
            }
            result += value
            rest = body[body.index(after: close)...]
        }
        return result + rest
    }

    @Test("the process environment: unset, empty, not UTF-8")
    func process() {
        setenv("III_TEST_EMPTY", "", 1)
        setenv("III_TEST_BAD", "\u{1}", 1)
        let bad: [CChar] = [CChar(bitPattern: 0xFF), 0]
        setenv("III_TEST_BAD", bad, 1)
        #expect(ProcessEnvironment.value("III_TEST_EMPTY") == "")
        #expect(ProcessEnvironment.value("III_TEST_BAD") == nil)
        #expect(ProcessEnvironment.value("III_TEST_UNSET") == nil)
        #expect(ProcessEnvironment.value("III_TEST\0_EMPTY") == nil)
    }
}

extension Substring {
    /// The first occurrence, without Foundation.
    fileprivate func range(of needle: String) -> Range<Index>? {
        var position = startIndex
        while position < endIndex {
            if self[position...].hasPrefix(needle) {
                return position..<index(position, offsetBy: needle.count)
            }
            position = index(after: position)
        }
        return nil
    }
}
