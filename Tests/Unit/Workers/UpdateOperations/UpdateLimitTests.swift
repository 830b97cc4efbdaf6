import Engine
import Testing

@testable import Workers

/// Each limit at its edge and one above, and the order in which they are checked (state.md §4.2).
@Suite struct UpdateLimitTests {
    private func list(_ segments: [String]) -> String { JSON.array(segments.map { .string($0) }).description }

    private func errors(_ operation: String, to stored: String? = "{}") throws -> [String] {
        try applyUpdates(operation, to: stored).errors.map { "\($0.code) | \($0.message)" }
    }

    @Test func depthOfPaths() throws {
        let longest = [String](repeating: "s", count: 32)
        for operation in [merging(list(longest), "{}"), appending(list(longest), "1")] {
            #expect(try errors(operation).isEmpty)
        }
        let tooLong = list(longest + ["s"])
        #expect(try errors(merging(tooLong, "{}")) == ["merge.path.too_deep | Path depth 33 exceeds maximum of 32"])
        #expect(try errors(appending(tooLong, "1")) == ["append.path.too_deep | Path depth 33 exceeds maximum of 32"])
    }

    @Test func emptySegments() throws {
        for path in [[""], ["a", ""], ["", "a"]] {
            #expect(
                try errors(merging(list(path), "{}")) == ["merge.path.empty_segment | Path contains an empty segment"]
            )
            #expect(
                try errors(appending(list(path), "1")) == ["append.path.empty_segment | Path contains an empty segment"]
            )
        }
    }

    private func all(_ key: String) -> [(name: String, operation: String)] {
        [
            ("set", setting(key, "1")), ("remove", removing(key)), ("increment", incrementing(key, "1")),
            ("decrement", decrementing(key, "1")), ("merge", merging("\"\(key)\"", "{}")),
            ("append", appending("\"\(key)\"", "1")),
            ("merge", merging(list(["a", key]), "{}")), ("append", appending(list(["a", key]), "1")),
        ]
    }

    @Test func lengthOfSegmentsInBytes() throws {
        for (name, operation) in all(String(repeating: "é", count: 128)) {
            #expect(try errors(operation).isEmpty, "\(name)")
        }
        for (name, operation) in all(String(repeating: "é", count: 128) + "x") {
            #expect(
                try errors(operation) == [
                    "\(name).path.segment_too_long | Path segment of 257 bytes exceeds maximum of 256"
                ]
            )
        }
    }

    @Test(arguments: ["__proto__", "constructor", "prototype"])
    func forbiddenKeys(_ key: String) throws {
        for (name, operation) in all(key) {
            #expect(
                try errors(operation)
                    == ["\(name).path.proto_polluted | Path segment '\(key)' is not allowed (prototype pollution)."]
            )
        }
        for (_, operation) in all(key + "x") { #expect(try errors(operation).isEmpty) }
        #expect(
            try errors(merging("\"k\"", "{\"a\":1,\"\(key)\":1}"))
                == ["merge.value.proto_polluted | Merge value top-level key \"\(key)\" is a prototype-pollution sink"]
        )
    }

    @Test(arguments: ["null", "true", "1", "\"s\"", "[]"])
    func mergeValueMustBeAnObject(_ value: String) throws {
        for path in ["null", "\"k\"", #"["a","b"]"#] {
            for stored in [nil, "{}", "5"] {
                #expect(
                    try errors(merging(path, value), to: stored)
                        == ["merge.value.not_an_object | Merge value must be a JSON object"]
                )
            }
        }
    }

    @Test func keysOfAMergeValue() throws {
        func value(_ keys: Int) -> String { "{\((0..<keys).map { "\"k\($0)\":0" }.joined(separator: ","))}" }
        #expect(try errors(merging("null", value(1024))).isEmpty)
        #expect(
            try errors(merging("null", value(1025)))
                == ["merge.value.too_many_keys | Merge value has 1025 top-level keys, exceeds maximum of 1024"]
        )
    }

    @Test func depthOfAMergeValue() throws {
        func value(_ depth: Int, _ inner: String) -> String {
            "{\"a\":" + String(repeating: "[", count: depth - 1) + inner + String(repeating: "]", count: depth - 1)
                + "}"
        }
        #expect(try errors(merging("null", value(16, "1"))).isEmpty)
        #expect(try errors(merging("null", value(15, "{}"))).isEmpty)
        for tooDeep in [value(17, "1"), value(16, "{}"), value(16, "{\"b\":1}")] {
            #expect(
                try errors(merging("null", tooDeep))
                    == ["merge.value.too_deep | Merge value JSON nesting depth 17 exceeds maximum of 16"]
            )
        }
    }

    @Test func orderOfChecks() throws {
        let long = String(repeating: "x", count: 257)
        func code(_ path: [String], _ value: String = "{}") throws -> [String] {
            try applyUpdates(merging(list(path), value), to: "[]").errors.map(\.code)
        }
        // Depth of the path first, then segment by segment, then the value, then the target.
        #expect(try code([""] + [String](repeating: "s", count: 32)) == ["merge.path.too_deep"])
        #expect(try code(["", long, "__proto__"]) == ["merge.path.empty_segment"])
        #expect(try code([long, "", "__proto__"]) == ["merge.path.segment_too_long"])
        #expect(try code(["__proto__", "", long]) == ["merge.path.proto_polluted"])
        #expect(try code(["__proto__"], "1") == ["merge.path.proto_polluted"])
        let deep = String(repeating: "[", count: 17) + String(repeating: "]", count: 17)
        let many = (0..<1024).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(try code(["k"], "{\"__proto__\":\(deep),\(many)}") == ["merge.value.too_many_keys"])
        #expect(try code(["k"], "{\"__proto__\":\(deep)}") == ["merge.value.proto_polluted"])
        #expect(try code(["k"], "{\"a\":\(deep)}") == ["merge.value.too_deep"])
        #expect(try applyUpdates(setting("__proto__", "1"), to: "[]").errors.map(\.code) == ["set.path.proto_polluted"])
    }

    /// What an update can build stays readable: `JSONLimits.maximumStoredDepth` covers the deepest value under the longest path.
    @Test func deepestResultIsReadable() throws {
        let deepest = JSONLimits.maximumDepth - 2
        let value = String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)
        let path = list([String](repeating: "s", count: 32))
        var stored: String? = nil
        for _ in 0..<3 { stored = try applyUpdatesToStored("\(appending(path, value)),\(setting("k", value))", stored) }
        let text = try #require(stored)
        #expect(throws: JSONError.self) { try JSON.parse(text) }
        #expect(try JSON.parse(text, maximumDepth: JSONLimits.maximumStoredDepth).description == text)
    }

    private func applyUpdatesToStored(_ operations: String, _ stored: String?) throws -> String {
        let operations = try UpdateOperation.decode(JSON.parse("[\(operations)]"))
        let before = try stored.map { try JSON.parse($0, maximumDepth: JSONLimits.maximumStoredDepth) }
        return UpdateOperation.apply(operations, to: before).value.description
    }
}
