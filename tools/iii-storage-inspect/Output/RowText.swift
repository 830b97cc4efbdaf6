import Adapters
import Storage

/// Rows in the words of state and streams: `state notes/first`, `stream chat/room-1/item`.
enum RowText {
    /// `path`: what `RowNames` says.
    static func name(_ row: EngineRow, _ path: [EngineRow.Name], isFull: Bool) -> String {
        let names = path.map { part($0, isFull) }.joined(separator: "/")
        switch row.role {
        case .event: return "stream event \(names.drop { $0 == "#" })"
        case .fact: return "stream fact \(names)"
        case .importRecord: return "import record \(names)"
        default: break
        }
        let subject = "\(row.kind?.rawValue ?? "store") \(names)"
        return remark(row.role).map { "\(subject) (\($0))" } ?? subject
    }

    /// What else than the value itself a row says of it.
    private static func remark(_ role: EngineRow.Role) -> String? {
        switch role {
        case .entry, .event, .fact, .importRecord: nil
        case .place: "its place"
        case .identifier: "its id"
        case .name: "its name"
        case .size: "its size"
        case .creation: "its creation"
        }
    }

    /// Text in which a slash separates, so a name that has one, or that no terminal must get, stands in quotes.
    private static func part(_ name: EngineRow.Name, _ isFull: Bool) -> String {
        switch name {
        case .text(let text): quoted(text, isFull)
        case .beginning(let text): quoted(isFull ? text : String(text.prefix(ByteText.shownCharacters)), true) + "…"
        case .number(let number): "#\(number)"
        }
    }

    private static func quoted(_ text: String, _ isFull: Bool) -> String {
        let isPlain = !text.isEmpty && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\"") }
        let shown = ByteText.value(.init(Bytes(text.utf8)), isFull: isFull)
        if isPlain, !text.hasPrefix("0x"), !text.hasPrefix("#"), !shown.contains("\\") { return shown }
        return shown.hasPrefix("0x") && !text.hasPrefix("0x") ? shown : "\"\(shown)\""
    }

    static func json(_ row: EngineRow, _ path: [EngineRow.Name]) -> JSON {
        [
            "name": .string(name(row, path, isFull: true)), "of": JSON(row.kind?.rawValue),
            "role": .string(row.role.rawValue), "path": .array(path.map(json)),
        ]
    }

    /// null: only the number that stands for the name is known.
    private static func json(_ name: EngineRow.Name) -> JSON {
        switch name {
        case .text(let text), .beginning(let text): .string(text)
        case .number: .null
        }
    }
}
