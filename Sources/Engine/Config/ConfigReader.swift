/// Strict, typed reading of one mapping of a worker's block. Errors are in serde's words, after their place
/// (config-file.md §7).
///
/// Every worker decodes its own block with it:
///
///     struct HTTPConfiguration {
///         var port: UInt16 = 3111
///         var allowedOrigins: [String] = []
///
///         init(_ block: ConfigBlock) throws(ConfigurationError) {
///             let reader = try ConfigReader(block, fields: ["port", "host", "cors", "middleware"])
///             port = try reader.integer("port", in: 0...65535) ?? 3111
///             if let cors = try reader.object("cors", fields: ["allowed_origins", "allowed_methods"]) {
///                 allowedOrigins = try cors.strings("allowed_origins") ?? []
///             }
///             for item in try reader.objects("middleware", fields: ["function_id", "phase", "priority"]) {
///                 let id = try item.require("function_id", item.string("function_id"))
///             }
///         }
///     }
///
/// A getter returns nil for an absent field. Null counts as absent where the getter is told `nullable: true`, and is
/// a wrong type otherwise.
public struct ConfigReader: Sendable {
    private let object: JSONObject
    private let block: ConfigBlock

    /// True when there was no block at all: every getter returns nil.
    public var isAbsent: Bool { block.json == nil }

    /// - Parameter fields: every known name, in the order in which an error lists them.
    public init(_ block: ConfigBlock, fields: [String]) throws(ConfigurationError) {
        self.block = block
        switch block.json {
        case nil: object = JSONObject()
        case .object(let object)?: self.object = object
        case .some(let other):
            throw Self.error(.invalidType(other, expected: "a map"), block, block.marks.value(block.path))
        }
        let known = Set(fields.map(Name.init))
        for key in object.keys where !known.contains(Name(key)) {
            let error = ArgumentError(
                ArgumentError.unknownField(key, expected: fields).detail + Spelling.hint(key, among: fields)
            )
            throw Self.error(error, block, block.marks.key(block.path.member(key)))
        }
    }

    /// Whether the field is there, be it null.
    public func has(_ field: String) -> Bool {
        object[field] != nil
    }

    // MARK: Scalars

    public func string(_ field: String, nullable: Bool = false) throws(ConfigurationError) -> String? {
        try read(field, nullable) { (json) throws(ArgumentError) in try json.argumentString() }
    }

    /// A path of a file or directory.
    public func path(_ field: String, nullable: Bool = false) throws(ConfigurationError) -> String? {
        guard let path = try string(field, nullable: nullable) else { return nil }
        try check(path: path, of: field)
        return path
    }

    /// Only a shell expands `~`: the store would be in a directory of that name.
    public func check(path: String, of field: String) throws(ConfigurationError) {
        guard path.utf8.first == UInt8(ascii: "~") else { return }
        throw rejected(field, "`\(field)` begins with `~`, which only a shell expands. Write the whole path")
    }

    public func bool(_ field: String, nullable: Bool = false) throws(ConfigurationError) -> Bool? {
        try read(field, nullable) { (json) throws(ArgumentError) in try json.argumentBool() }
    }

    /// An integer of the result's type. Without `range` the type's own bounds hold.
    public func integer<Value: FixedWidthInteger & Sendable>(
        _ field: String,
        nullable: Bool = false,
        in range: ClosedRange<Value>? = nil
    ) throws(ConfigurationError) -> Value? {
        let value: Value? = try read(field, nullable) { (json) throws(ArgumentError) in try json.argumentInteger() }
        guard let value, let range, !range.contains(value) else { return value }
        throw error(.outOfRange("\(value)", range), at: field)
    }

    /// A finite number, also one written without a fraction.
    public func number(
        _ field: String,
        nullable: Bool = false,
        in range: ClosedRange<Double>? = nil
    ) throws(ConfigurationError) -> Double? {
        let value = try read(field, nullable) { (json) throws(ArgumentError) in try json.argumentDouble() }
        guard let value, let range, !range.contains(value) else { return value }
        throw error(.outOfRange("\(value)", range), at: field)
    }

    /// One of a few words; the error lists them: `unknown variant 'x', expected 'memory' or 'otlp'`.
    public func variant(
        _ field: String,
        of variants: [String],
        nullable: Bool = false
    ) throws(ConfigurationError) -> String? {
        guard let text = try string(field, nullable: nullable) else { return nil }
        guard variants.contains(where: { Name($0) == Name(text) }) else {
            throw error(Self.unknownVariant(text, expected: variants), at: field)
        }
        return text
    }

    public func strings(_ field: String, nullable: Bool = false) throws(ConfigurationError) -> [String]? {
        try read(field, nullable) { (json) throws(ArgumentError) in try json.argumentStrings() }
    }

    /// The value as it is; nil when absent or null.
    public func json(_ field: String) -> JSON? {
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    // MARK: Containers

    /// The member as a block of its own, for a decoder of its own; `.absent` when there is none.
    public func block(_ field: String) -> ConfigBlock {
        ConfigBlock(json(field), marks: block.marks, path: block.path.member(field))
    }

    /// A mapping with known fields; nil when absent or null.
    public func object(_ field: String, fields: [String]) throws(ConfigurationError) -> ConfigReader? {
        guard json(field) != nil else { return nil }
        return try ConfigReader(block(field), fields: fields)
    }

    /// A list of mappings with known fields; empty when absent or null.
    public func objects(_ field: String, fields: [String]) throws(ConfigurationError) -> [ConfigReader] {
        let elements = try read(field, true) { (json) throws(ArgumentError) in try json.argumentArray() } ?? []
        var readers: [ConfigReader] = []
        for (index, element) in elements.enumerated() {
            let path = block.path.member(field).index(index)
            guard !element.isNull else {
                throw Self.error(.invalidType(element, expected: "a map"), block, block.marks.value(path))
            }
            readers.append(try ConfigReader(ConfigBlock(element, marks: block.marks, path: path), fields: fields))
        }
        return readers
    }

    /// `{ name: string, config: any }`, the shape by which a worker picks its adapter (config-file.md §4).
    public func adapter(_ field: String = "adapter") throws(ConfigurationError) -> (name: String, config: ConfigBlock)?
    {
        if case .object(let members)? = json(field), let name = members[LegacyModule.key]?.string {
            let path = block.path.member(field).member(LegacyModule.key)
            throw Self.error(ArgumentError(LegacyModule.adapter(name)), block, block.marks.key(path))
        }
        guard let reader = try object(field, fields: ["name", "config"]) else { return nil }
        return (try reader.require("name", reader.string("name")), reader.block("config"))
    }

    // MARK: Errors

    /// Unwraps a required field's value.
    public func require<Value>(_ field: String, _ value: Value?) throws(ConfigurationError) -> Value {
        guard let value else {
            throw Self.error(.missingField(field), block, block.marks.value(block.path))
        }
        return value
    }

    /// An error about one field in the caller's words, with the field's place added.
    public func rejected(_ field: String, _ reason: String) -> ConfigurationError {
        error(ArgumentError(reason), at: field)
    }

    /// An error about one element of a list, with the element's place added.
    public func rejected(_ field: String, at index: Int, _ reason: String) -> ConfigurationError {
        let path = block.path.member(field).index(index)
        let element = ConfigBlock(nil, marks: block.marks, path: path)
        return Self.error(ArgumentError(reason), element, block.marks.value(path))
    }

    /// The error about an adapter's name.
    public func unknownAdapter(
        _ name: String,
        available: [String],
        field: String = "adapter"
    ) -> ConfigurationError {
        rejected(
            field,
            "Adapter factory '\(name)' not found. Available: \(available)" + Spelling.hint(name, among: available)
        )
    }

    /// In single quotes, as upstream's documentation shows it.
    private static func unknownVariant(_ found: String, expected: [String]) -> ArgumentError {
        let quoted = expected.map { "'\($0)'" }
        let list = quoted.count > 2 ? "one of " + quoted.joined(separator: ", ") : quoted.joined(separator: " or ")
        return ArgumentError("unknown variant '\(found)', expected \(list)" + Spelling.hint(found, among: expected))
    }

    private func read<Value>(
        _ field: String,
        _ nullable: Bool,
        _ convert: (JSON) throws(ArgumentError) -> Value
    ) throws(ConfigurationError) -> Value? {
        guard let value = object[field], !(nullable && value.isNull) else { return nil }
        do {
            return try convert(value)
        } catch {
            throw self.error(error, at: field)
        }
    }

    private func error(_ error: ArgumentError, at field: String) -> ConfigurationError {
        let path = block.path.member(field)
        return Self.error(error, ConfigBlock(nil, marks: block.marks, path: path), block.marks.value(path))
    }

    private static func error(
        _ error: ArgumentError,
        _ block: ConfigBlock,
        _ mark: SourceMark?
    ) -> ConfigurationError {
        if let mark, let file = block.marks.file {
            return ConfigurationError(.worker, error.detail, at: SourcePlace(file: file, mark: mark))
        }
        let place = block.path.isRoot ? "" : " (in `\(block.path)`)"
        return ConfigurationError(.worker, error.detail + place)
    }
}

extension ArgumentError {
    fileprivate static func outOfRange<Bound>(_ value: String, _ range: ClosedRange<Bound>) -> ArgumentError {
        let kind = Bound.self == Double.self ? "floating point" : "integer"
        return ArgumentError(
            "invalid value: \(kind) `\(value)`, expected a number from \(range.lowerBound) to \(range.upperBound)"
        )
    }
}
