/// The two layouts of a log line (config-file.md §11).
public enum LogFormat: Sendable, Equatable {
    case human(colours: Bool)
    case json

    /// One event with its line break.
    func render(_ entry: LogEntry) -> [UInt8] {
        switch self {
        case .json: JSONLogLayout.render(entry)
        case .human(let colours): HumanLogLayout(colours: colours).render(entry)
        }
    }
}

/// `{"timestamp","level","fields":{"message",…},"target"}`
private enum JSONLogLayout {
    static func render(_ entry: LogEntry) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.key("timestamp")
        writer.string(entry.time.utc)
        writer.key("level")
        writer.string(entry.level.label)
        writer.key("fields")
        writer.beginObject()
        writer.key("message")
        writer.string(entry.message)
        // A field of that name would make the key ambiguous.
        for field in entry.fields where field.name != "message" {
            writer.key(field.name)
            writer.value(field.value)
        }
        writer.endObject()
        writer.key("target")
        writer.string(entry.target)
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}

/// `[2026-01-31 09:19:23.241 +01:00] [INFO] target message` and a tree of the fields.
private struct HumanLogLayout {
    let colours: Bool

    private enum Colour: String {
        case purple = "35", green = "32", blue = "34", yellow = "33", red = "31", boldCyan = "1;36", dim = "2"
    }

    func render(_ entry: LogEntry) -> [UInt8] {
        var fields = entry.fields
        var header = entry.target
        if let position = fields.firstIndex(where: { $0.name == "function" }) {
            let function = fields.remove(at: position).value
            header = function.string ?? function.description
        }
        var text = paint("[\(entry.time.local)]", .dim) + " "
        text += "[\(paint(entry.level.label, colour(entry)))] "
        text += paint(header.printable(), .boldCyan) + " "
        text += entry.message.printable(continuation: "\n    ")
        text += "\n"
        appendTree(fields.map { ($0.name, $0.value) }, indent: "    ", to: &text)
        return Array(text.utf8)
    }

    private func colour(_ entry: LogEntry) -> Colour {
        switch entry.level.threshold {
        case .trace: .purple
        case .debug: .green
        case .info: .blue
        case .warn: .yellow
        case .error, .off: .red
        }
    }

    private func paint(_ text: String, _ colour: Colour) -> String {
        colours ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    private func appendTree(_ members: [(String, JSON)], indent: String, to text: inout String) {
        for (position, member) in members.enumerated() {
            let isLast = position == members.count - 1
            text += "\(indent)\(isLast ? "└" : "├") \(member.0.printable()):"
            let below = indent + (isLast ? "    " : "│   ")
            let children = member.1.children
            if !children.isEmpty {
                text += "\n"
                appendTree(children, indent: below, to: &text)
            } else if let lines = member.1.lines {
                text += "\n"
                for line in lines { text += "\(below)\(line)\n" }
            } else {
                text += " \(member.1.description)\n"
            }
        }
    }
}

extension JSON {
    /// Members, or elements under their index; empty for everything that is written on one line.
    fileprivate var children: [(String, JSON)] {
        switch self {
        case .object(let object): object.map { ($0.key, $0.value) }
        case .array(let elements): elements.enumerated().map { ("\($0.offset)", $0.element) }
        default: []
        }
    }

    /// The lines of a text that has several, such as a stack trace; nil for everything else.
    fileprivate var lines: [String]? {
        guard case .string(let text) = self, text.utf8.contains(UInt8(ascii: "\n")) else { return nil }
        var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Substring.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { line in
            let line = line.utf8.last == UInt8(ascii: "\r") ? Substring(line.utf8.dropLast()) : line
            return String(line).replacing("\t", with: "    ").printable()
        }
    }
}

extension String {
    /// Without anything by which a logged value could forge lines or steer a terminal.
    func printable(continuation: String = "\\n") -> String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar == "\n" {
                text += continuation
            } else if scalar.isUnprintable {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// Control characters, line separators, and what turns the direction of text around.
    var isUnprintable: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
