import Logging

/// One log event, ready to be laid out.
struct LogEntry {
    let time: LogTime
    let level: Logger.Level
    let target: String
    let message: String
    /// Sorted by name, so that equal events give equal lines.
    let fields: [(name: String, value: JSON)]

    init(time: LogTime, level: Logger.Level, target: String, message: String, metadata: Logger.Metadata) {
        self.time = time
        self.level = level
        self.target = target
        self.message = message
        fields = metadata.map { (name: $0.key, value: JSON($0.value)) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

extension JSON {
    /// Numbers, booleans and JSON trees keep their type; everything else is its text.
    init(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self = .string(text)
        case .array(let elements): self = .array(elements.map { JSON($0) })
        case .dictionary(let members):
            var object = JSONObject()
            for key in members.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                object[key] = members[key].map { JSON($0) }
            }
            self = .object(object)
        case .stringConvertible(let value): self = JSON(describing: value)
        }
    }

    private init(describing value: any CustomStringConvertible) {
        switch value {
        case let value as JSON: self = value
        case let value as JSONNumber: self = .number(value)
        case let value as Bool: self = .bool(value)
        case let value as any FixedWidthInteger: self = JSON(value)
        case let value as Double: self = JSON(value)
        default: self = .string(value.description)
        }
    }
}
