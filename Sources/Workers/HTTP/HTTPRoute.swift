import Engine
import NIOCore

/// A live `http` trigger with everything that its requests need, worked out once.
final class HTTPRoute {
    let trigger: Trigger
    let pattern: RoutePattern
    let method: RouteMethod
    let conditionFunctionID: String?

    /// `{"path":"<template>","method":"` : how `data` begins.
    let dataHead: ByteBuffer
    /// `,"trigger":{…}` : the same for every request.
    let dataTrigger: ByteBuffer
    /// JSON strings of the parameter names, in order; nil where a later parameter has the same name, which wins.
    let parameterKeys: [ByteBuffer?]

    init(trigger: Trigger, pattern: RoutePattern, method: RouteMethod, conditionFunctionID: String?) {
        self.trigger = trigger
        self.pattern = pattern
        self.method = method
        self.conditionFunctionID = conditionFunctionID
        var head = ByteBuffer(string: "{\"path\":")
        head.writeJSONString(pattern.template)
        head.writeStaticString(",\"method\":\"")
        dataHead = head
        var tail = ByteBuffer(string: ",\"trigger\":{\"type\":\"http\",\"path\":")
        tail.writeJSONString(pattern.template)
        tail.writeString(",\"method\":\"\(method.rawValue)\"}")
        dataTrigger = tail
        let names = pattern.parameterNames.map(Name.init)
        parameterKeys = names.indices.map { index in
            guard !names[(index + 1)...].contains(names[index]) else { return nil }
            var key = ByteBuffer()
            key.writeJSONString(names[index].string)
            return key
        }
    }
}

extension HTTPRoute {
    /// Reads a trigger's config (http.md §4). Errors have code `trigger_registration_failed`.
    convenience init(_ trigger: Trigger) throws(InvocationError) {
        let config = Config(trigger)
        guard let path = config.string("api_path") else {
            throw .triggerRegistrationFailed("api_path is required for http triggers")
        }
        guard config.middleware.isEmpty else {
            throw .triggerRegistrationFailed(
                "middleware_function_ids is not served by this version of the engine; register the http trigger "
                    + "'\(path)' without it and do the checks in the function"
            )
        }
        let text = config.string("http_method") ?? "GET"
        guard let method = RouteMethod(rawValue: text.uppercased()) else {
            let known = RouteMethod.allCases.map(\.rawValue).joined(separator: ", ")
            throw .triggerRegistrationFailed("http_method '\(text)' is not one of \(known)")
        }
        self.init(
            trigger: trigger,
            pattern: try RoutePattern(path),
            method: method,
            conditionFunctionID: config.string("condition_function_id")
        )
    }

    /// A trigger's config as far as `http` reads it: members of other kinds count as absent.
    private struct Config {
        private let object: JSONObject?

        init(_ trigger: Trigger) {
            object = (try? trigger.config.parse())?.object
        }

        func string(_ key: String) -> String? { object?[key]?.string }

        var middleware: [String] {
            object?["middleware_function_ids"]?.array?.compactMap(\.string) ?? []
        }
    }
}
