/// A JSON Schema (draft-07) as discovery shows it. Clients display it or generate code from it; the engine never
/// validates calls against it (engine-functions.md §1.3).
public struct JSONSchema: Sendable {
    let json: JSON

    /// Any JSON value.
    public static let any = JSONSchema(["description": "Any JSON value"])
    public static let string = JSONSchema(["type": "string"])
    public static let null = JSONSchema(["type": "null"])
    public static let boolean = JSONSchema(["type": "boolean"])
    public static let object = JSONSchema(["type": "object"])
    public static let uint16 = JSONSchema(["type": "integer", "format": "uint16", "minimum": 0])
    public static let uint64 = JSONSchema(["type": "integer", "format": "uint64", "minimum": 0])
    public static let int64 = JSONSchema(["type": "integer", "format": "int64"])
    public static let stringMap = JSONSchema(["type": "object", "additionalProperties": ["type": "string"]])

    public static func array(of element: JSONSchema) -> JSONSchema {
        JSONSchema(["type": "array", "items": element.json])
    }

    public static func oneOf(_ values: [String]) -> JSONSchema {
        JSONSchema(["type": "string", "enum": .array(values.map { .string($0) })])
    }

    public static func anyOf(_ schemas: [JSONSchema]) -> JSONSchema {
        JSONSchema(["anyOf": .array(schemas.map(\.json))])
    }

    /// An object inside another schema.
    public static func object(_ properties: [Property]) -> JSONSchema {
        JSONSchema(.object(body(properties)))
    }

    /// A whole document: `$schema`, `title`, `type`, `properties`, `required`, `definitions`.
    public static func document(_ title: String, _ properties: [Property]) -> RawJSON {
        var document: JSONObject = [
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": .string(title),
        ]
        for (key, value) in body(properties) { document[key] = value }
        document["definitions"] = [:]
        return RawJSON(.object(document))
    }

    private static func body(_ properties: [Property]) -> JSONObject {
        var members = JSONObject()
        for property in properties { members[property.name] = property.json }
        return [
            "type": "object",
            "properties": .object(members),
            "required": .array(properties.filter(\.isRequired).map { .string($0.name) }),
        ]
    }

    private init(_ json: JSON) {
        self.json = json
    }
}

extension JSONSchema {
    /// One member of an object's schema.
    public struct Property: Sendable {
        let name: String
        let json: JSON
        let isRequired: Bool

        public static func required(_ name: String, _ schema: JSONSchema, _ description: String? = nil) -> Property {
            Property(name: name, json: described(schema, description), isRequired: true)
        }

        /// May be absent or null. `initial` is shown as `default`.
        public static func optional(
            _ name: String,
            _ schema: JSONSchema,
            _ description: String? = nil,
            initial: JSON? = nil
        ) -> Property {
            var object = nullable(schema).object ?? JSONObject()
            if let initial { object["default"] = initial }
            return Property(name: name, json: described(JSONSchema(.object(object)), description), isRequired: false)
        }

        /// The same member where it may be missing.
        public var asOptional: Property {
            Property(name: name, json: json, isRequired: false)
        }

        private static func described(_ schema: JSONSchema, _ description: String?) -> JSON {
            guard let description, var object = schema.json.object else { return schema.json }
            object["description"] = .string(description)
            return .object(object)
        }

        private static func nullable(_ schema: JSONSchema) -> JSON {
            guard var object = schema.json.object else { return schema.json }
            if let type = object["type"] { object["type"] = [type, "null"] }
            if let values = object["enum"]?.array { object["enum"] = .array(values + [.null]) }
            if let schemas = object["anyOf"]?.array { object["anyOf"] = .array(schemas + [["type": "null"]]) }
            return .object(object)
        }
    }
}
