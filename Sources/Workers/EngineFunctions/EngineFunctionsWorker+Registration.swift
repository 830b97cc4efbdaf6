import Engine

/// `engine::workers::register` (engine-functions.md §6.3).
extension EngineFunctionsWorker {
    func registerWorkerRegistration(_ engine: Engine) {
        serve(.workersRegister, input: "WorkersRegisterInput", on: engine) { [unowned engine] call in
            let fields = call.arguments.object
            // The connection itself, not `_caller_worker_id`: nobody can register for somebody else.
            if let caller = call.invocation.caller {
                engine.update(caller) { $0.update(from: fields) }
            }
            return ["success": true]
        }
    }
}

extension WorkerConnection.Info {
    /// Takes over what a worker reported. A key of a wrong type is ignored, the rest is kept (Better): the call is
    /// void, so that nobody would see an error.
    fileprivate mutating func update(from fields: JSONObject) {
        runtime = Self.text(fields["runtime"]) ?? "unknown"
        version = Self.text(fields["version"])
        telemetry = fields["telemetry"]?.object.map { RawJSON(.object(Self.telemetry($0))) }
        name = Self.text(fields["name"]) ?? name
        description = Self.text(fields["description"]) ?? description
        os = Self.text(fields["os"]) ?? os
        isolation = Self.text(fields["isolation"]) ?? isolation
        pid = Self.pid(fields["pid"]) ?? pid
    }

    private static func telemetry(_ object: JSONObject) -> JSONObject {
        var known = JSONObject()
        for key in ["language", "project_name", "framework"] {
            known[key] = object[key]?.string.map { .string($0) }
        }
        return known
    }

    private static func pid(_ value: JSON?) -> UInt32? {
        guard case .number(let number)? = value else { return nil }
        return number.uint64.flatMap { UInt32(exactly: $0) }
    }

    private static func text(_ value: JSON?) -> String? {
        value?.string.flatMap { sanitized($0) }
    }

    /// Longest text kept, in characters (Unicode scalars).
    private static let maximumCharacters = 280

    /// Without control characters, bidi controls and line separators, cut, trimmed; nil when nothing is left. What
    /// workers say about themselves is shown in terminals and consoles.
    private static func sanitized(_ text: String) -> String? {
        let kept = text.unicodeScalars.lazy.filter { !isHazardous($0) }.prefix(maximumCharacters)
        let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
        let trimmed = Array(kept).drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        guard !trimmed.isEmpty else { return nil }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: trimmed)
        return String(result)
    }

    private static func isHazardous(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x2028...0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
