/// `${NAME}` and `${NAME:default}` in the raw text of config.yaml, before YAML sees it (config-file.md §3).
///
/// One pass: what a value brings in is not looked at again. Comments are left alone.
public struct EnvironmentExpansion {
    /// A name without value and default, with its place in the file.
    public struct Missing: Equatable, Sendable {
        public let name: String
        public let mark: SourceMark
    }

    /// The default that stands for the engine's own version.
    static let versionSentinel = "__III_ENGINE_VERSION__"

    private let source: [UInt8]
    private let environment: (String) -> String?
    private var comments = YAMLCommentScanner()
    private var output: [UInt8] = []
    private var missing: [Missing] = []
    private var line = 1
    /// Position of the current line's first byte.
    private var lineStart = 0
    /// File line of each line of the output: they part when a value contains line breaks.
    private var lines = [1]

    /// The expanded text and the file line of each of its lines (index 0 is line 1).
    public struct Result: Sendable {
        public let text: [UInt8]
        let lines: [Int]

        /// The file's line for a line of `text`.
        func fileLine(_ line: Int) -> Int {
            if line <= lines.count { return lines[max(line, 1) - 1] }
            // YAML counts the end of the text as a line of its own.
            return line - lines.count + (lines.last ?? 0)
        }
    }

    /// The outcome: the text, or all names that are missing.
    public enum Outcome: Sendable {
        case expanded(Result)
        case missing([Missing])
    }

    /// - Parameter environment: a variable's value, nil when it is unset or not UTF-8. Set-but-empty is "".
    public static func expand(_ text: [UInt8], environment: (String) -> String?) -> Outcome {
        withoutActuallyEscaping(environment) { environment in
            var expansion = EnvironmentExpansion(source: text, environment: environment)
            expansion.run()
            if !expansion.missing.isEmpty { return .missing(expansion.missing) }
            return .expanded(Result(text: expansion.output, lines: expansion.lines))
        }
    }

    private init(source: [UInt8], environment: @escaping (String) -> String?) {
        self.source = source
        self.environment = environment
        output.reserveCapacity(source.count)
    }

    private mutating func run() {
        var position = 0
        while position < source.count {
            let inComment = comments.advance(over: source, at: position)
            if !inComment, let reference = reference(at: position) {
                append(value(of: reference, at: position))
                for skipped in position + 1..<reference.end {
                    _ = comments.advance(over: source, at: skipped)
                    countLine(at: skipped)
                }
                position = reference.end
            } else {
                countLine(at: position)
                append(CollectionOfOne(source[position]))
                position += 1
            }
        }
    }

    private mutating func countLine(at position: Int) {
        guard source[position] == UInt8(ascii: "\n") else { return }
        line += 1
        lineStart = position + 1
    }

    private mutating func append(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            output.append(byte)
            if byte == UInt8(ascii: "\n") { lines.append(line) }
        }
    }

    private struct Reference {
        let name: String
        let defaultValue: String?
        let end: Int
    }

    /// NAME is one or more bytes other than `}` and `:`; the default runs to the first `}`. Neither is trimmed.
    private func reference(at position: Int) -> Reference? {
        guard source[position] == UInt8(ascii: "$"), position + 1 < source.count,
            source[position + 1] == UInt8(ascii: "{")
        else { return nil }
        let body = source[(position + 2)...]
        guard let close = body.firstIndex(of: UInt8(ascii: "}")) else { return nil }
        let inside = body[..<close]
        let colon = inside.firstIndex(of: UInt8(ascii: ":"))
        let name = inside[..<(colon ?? close)]
        guard !name.isEmpty else { return nil }
        return Reference(
            name: String(decoding: name, as: UTF8.self),
            defaultValue: colon.map { String(decoding: inside[($0 + 1)...], as: UTF8.self) },
            end: close + 1
        )
    }

    private mutating func value(of reference: Reference, at position: Int) -> String.UTF8View {
        if let value = environment(reference.name) { return value.utf8 }
        guard let defaultValue = reference.defaultValue else {
            let column = String(decoding: source[lineStart..<position], as: UTF8.self).unicodeScalars.count + 1
            missing.append(Missing(name: reference.name, mark: SourceMark(line: line, column: column)))
            return "".utf8
        }
        return defaultValue == Self.versionSentinel ? EngineVersion.string.utf8 : defaultValue.utf8
    }
}
