import Testing

@testable import Engine

/// engine-functions.md §5.6: owners and default schemas, key by key.
struct BuiltInTriggerTypeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let id, owner: String
        let config: [String]
        let payload: [String]?
        var testDescription: String { id }
    }

    /// `?` marks what isn't required.
    static let rows = [
        Row(
            id: "http",
            owner: "iii-http",
            config: ["api_path", "http_method?", "middleware_function_ids?", "condition_function_id?"],
            payload: ["query_params", "path_params", "headers", "path", "method", "body"]
        ),
        Row(
            id: "cron",
            owner: "iii-cron",
            config: ["expression", "condition_function_id?"],
            payload: ["trigger", "job_id", "scheduled_time", "actual_time"]
        ),
        Row(
            id: "durable:subscriber",
            owner: "queue",
            config: ["topic", "condition_function_id?", "queue_config?"],
            payload: nil
        ),
        Row(id: "subscribe", owner: "iii-pubsub", config: ["topic", "condition_function_id?"], payload: nil),
        Row(
            id: "state",
            owner: "iii-state",
            config: ["scope?", "key?", "condition_function_id?"],
            payload: ["type", "event_type", "scope", "key", "old_value?", "new_value"]
        ),
        Row(
            id: "stream",
            owner: "iii-stream",
            config: ["stream_name?", "group_id?", "item_id?", "condition_function_id?"],
            payload: ["event_type", "timestamp", "stream_name", "group_id", "id?", "event"]
        ),
        Row(
            id: "stream:join",
            owner: "iii-stream",
            config: ["stream_name?", "condition_function_id?"],
            payload: ["event_type", "timestamp", "stream_name", "group_id", "id?"]
        ),
        Row(
            id: "stream:leave",
            owner: "iii-stream",
            config: ["stream_name?", "condition_function_id?"],
            payload: ["event_type", "timestamp", "stream_name", "group_id", "id?"]
        ),
        Row(
            id: "configuration",
            owner: "configuration",
            config: ["configuration_id?", "event_types?", "condition_function_id?"],
            payload: [
                "type", "event_type", "id", "name", "description", "schema", "old_value?", "new_value", "metadata?",
            ]
        ),
        Row(
            id: "log",
            owner: "iii-observability",
            config: ["level?"],
            payload: [
                "timestamp_unix_nano", "observed_timestamp_unix_nano", "severity_number", "severity_text", "body",
                "attributes", "trace_id", "span_id", "resource", "service_name", "instrumentation_scope_name",
                "instrumentation_scope_version",
            ]
        ),
        Row(id: "trace", owner: "iii-observability", config: ["service_name?", "status?"], payload: ["trace_ids"]),
    ]

    /// Names of a schema's properties, optional ones marked.
    private func keys(_ schema: RawJSON?) throws -> [String]? {
        guard let schema = try schema?.parse() else { return nil }
        #expect(schema["$schema"] == "http://json-schema.org/draft-07/schema#")
        #expect(schema["type"] == "object")
        let required = try #require(schema["required"]?.array).compactMap(\.string)
        return try #require(schema["properties"]?.object).map { required.contains($0.key) ? $0.key : $0.key + "?" }
    }

    @Test(arguments: rows)
    func schemas(row: Row) throws {
        let type = try #require(BuiltInTriggerTypes.description(of: row.id))
        #expect(type.id == row.id)
        #expect(!type.description.isEmpty)
        #expect(BuiltInTriggerTypes.owner(of: row.id) == row.owner)
        #expect(try keys(type.configurationSchema) == row.config)
        #expect(try keys(type.requestSchema) == row.payload)
        #expect((type.responseSchema != nil) == (row.id == "http"))
    }

    /// http.md §20.
    @Test func http() throws {
        let type = BuiltInTriggerTypes.http
        #expect(type.description == "HTTP API trigger")
        let config = try #require(try type.configurationSchema?.parse())
        #expect(config["title"] == "HttpTriggerConfig")
        let method = try #require(config["properties"]?["http_method"])
        #expect(method["enum"] == ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", .null])
        #expect(method["default"] == "GET")
        #expect(try type.requestSchema?.parse()["title"] == "HttpCallRequest")
        let response = try #require(try type.responseSchema?.parse())
        #expect(response["title"] == "HttpCallResponse")
        #expect(response["required"] == [])
        #expect(response["properties"]?.object?.map(\.key) == ["status_code", "headers", "body"])
    }

    @Test func engineTypesHaveAnOwnerAndNoSchemas() {
        for id in ["engine::functions-available", "engine::workers-available"] {
            #expect(BuiltInTriggerTypes.owner(of: id) == "iii-engine-functions")
            #expect(BuiltInTriggerTypes.description(of: id) == nil)
        }
    }
}
