import Engine

/// Rows as discovery shows them. Keys marked `?` in engine-functions.md are left out when there is nothing to show.
extension Engine {
    // MARK: Functions

    /// `{"function_id","worker_name","description"?,"metadata"?}` (§3).
    func listRow(of function: Function) -> JSON {
        var row = head(of: function)
        row["metadata"] = function.description.metadata?.tree
        return .object(row)
    }

    /// `{"function_id","worker_name","description"?,"request_schema"?,"response_schema"?,"metadata"?,
    /// "registered_triggers":[{"id","trigger_type","config"}]}` (§4).
    func detail(of function: Function) -> JSON {
        var row = head(of: function)
        row["request_schema"] = function.description.requestFormat?.tree
        row["response_schema"] = function.description.responseFormat?.tree
        row["metadata"] = function.description.metadata?.tree
        let name = Name(function.id)
        let triggers = allLiveTriggers.filter { Name($0.functionID) == name }.sortedByID()
        row["registered_triggers"] = .array(
            triggers.map { ["id": .string($0.id), "trigger_type": .string($0.type), "config": $0.config.tree] }
        )
        return .object(row)
    }

    private func head(of function: Function) -> JSONObject {
        var row: JSONObject = [
            "function_id": .string(function.id),
            "worker_name": .string(workerName(of: function)),
        ]
        row["description"] = function.description.description.map { .string($0) }
        return row
    }

    /// Owner's name of an id that may be registered or not (§12).
    func workerName(ofFunction id: String) -> String {
        function(id).map { workerName(of: $0) } ?? id.firstSegment ?? id
    }

    // MARK: Trigger types

    /// Connected provider's name, else the built-in table, else who serves it in the engine, else the first segment
    /// (§5.1).
    func workerName(of type: TriggerType) -> String {
        let id = type.description.id
        switch type.provider {
        case .worker(let connection):
            return connection.info.name ?? BuiltInTriggerTypes.owner(of: id) ?? id.firstSegment ?? id
        case .inProcess(_, let worker):
            return BuiltInTriggerTypes.owner(of: id) ?? worker
        }
    }

    /// `{"id","worker_name","description"}` (§5.1).
    func listRow(of type: TriggerType) -> JSON {
        .object(head(of: type))
    }

    /// The row plus `configuration_schema?`, `request_schema?`, `response_schema?`, `instance_count` (§5.2).
    func detail(of type: TriggerType) -> JSON {
        var row = head(of: type)
        row["configuration_schema"] = type.description.configurationSchema?.tree
        row["request_schema"] = type.description.requestSchema?.tree
        row["response_schema"] = type.description.responseSchema?.tree
        let name = Name(type.description.id)
        row["instance_count"] = JSON(count: allLiveTriggers.count { Name($0.type) == name })
        return .object(row)
    }

    private func head(of type: TriggerType) -> JSONObject {
        [
            "id": .string(type.description.id),
            "worker_name": .string(workerName(of: type)),
            "description": .string(type.description.description),
        ]
    }

    // MARK: Bindings

    /// Longest `config_summary`, in characters (Unicode scalars).
    static let summaryCharacters = 80

    /// `{"id","trigger_type","function_id","worker_name","config","config_summary"}` (§5.3).
    func listRow(of trigger: Trigger) -> JSON {
        var row = head(of: trigger)
        row["config_summary"] = .string(Self.summary(of: trigger.config))
        return .object(row)
    }

    /// `{"id","trigger_type","function_id","worker_name","config","metadata"?,"trigger","function"}` (§5.4).
    func detail(of trigger: Trigger) -> JSON {
        var row = head(of: trigger)
        row["metadata"] = trigger.metadata?.tree
        row["trigger"] = triggerType(trigger.type).map { detail(of: $0) } ?? .null
        row["function"] = function(trigger.functionID).map { detail(of: $0) } ?? .null
        return .object(row)
    }

    private func head(of trigger: Trigger) -> JSONObject {
        [
            "id": .string(trigger.id),
            "trigger_type": .string(trigger.type),
            "function_id": .string(trigger.functionID),
            "worker_name": .string(workerName(ofFunction: trigger.functionID)),
            "config": trigger.config.tree,
        ]
    }

    private static func summary(of config: RawJSON) -> String {
        // Printed again because the client's own text may hold white space.
        let text = RawJSON(config.tree).description.unicodeScalars
        guard text.count > summaryCharacters else { return String(text) }
        return String(String.UnicodeScalarView(text.prefix(summaryCharacters))) + "…"
    }
}

extension Sequence where Element == Trigger {
    func sortedByID() -> [Trigger] {
        sorted { Name($0.id) < Name($1.id) }
    }
}

extension RawJSON {
    /// The parsed value. The text was validated when it came in.
    var tree: JSON { (try? parse()) ?? .null }
}

extension JSON {
    init(count: Int) {
        self.init(integerLiteral: Int64(count))
    }

    init(optional text: String?) {
        self = text.map { .string($0) } ?? .null
    }
}
