import Engine

/// `engine::functions::list` and `engine::functions::info` (engine-functions.md §3, §4).
extension EngineFunctionsWorker {
    /// Most distinct ids of one batch.
    static let maximumBatch = 32

    func registerFunctionQueries(_ engine: Engine) {
        serve(.functionsList, input: "FunctionsListInput", on: engine) { [unowned engine] call in
            ["functions": .array(try FunctionFilter(call.arguments).rows(of: engine))]
        }
        serve(.functionsInfo, input: "FunctionsInfoInput", on: engine) { [unowned engine] call in
            try Self.functionInfo(call.arguments, engine)
        }
    }

    private static func functionInfo(_ arguments: ArgumentReader, _ engine: Engine) throws -> JSON {
        let id = try arguments.optionalString("function_id")
        let ids = try arguments.optionalStringArray("function_ids")
        switch (id, ids) {
        case (nil, nil):
            throw InvocationError.invalidArguments("missing field `function_id` (or `function_ids` for a batch)")
        case (.some, .some):
            throw InvocationError.invalidArguments("pass either `function_id` or `function_ids`, not both")
        case (let id?, nil):
            guard let function = engine.function(id) else {
                throw InvocationError.notFound("Function '\(id)' is not registered.")
            }
            return engine.detail(of: function)
        case (nil, let ids?):
            return ["functions": .array(try distinct(ids).map { batchRow($0, engine) })]
        }
    }

    private static func distinct(_ ids: [String]) throws(InvocationError) -> [String] {
        guard !ids.isEmpty else {
            throw .invalidArguments("`function_ids` must be a non-empty array of function ids")
        }
        var seen: Set<Name> = []
        let distinct = ids.filter { seen.insert(Name($0)).inserted }
        guard distinct.count <= maximumBatch else {
            throw .invalidArguments("too many function_ids (max \(maximumBatch))")
        }
        return distinct
    }

    private static func batchRow(_ id: String, _ engine: Engine) -> JSON {
        engine.function(id).map { engine.detail(of: $0) } ?? ["function_id": .string(id), "error": "not_found"]
    }
}

/// The request of `engine::functions::list`; all filters are ANDed.
private struct FunctionFilter {
    private let search: SearchNeedle?
    private let prefix: String
    /// Owner names, any of; nil means all.
    private let workers: Set<Name>?
    private let includesInternal: Bool

    init(_ arguments: ArgumentReader) throws {
        search = SearchNeedle(try arguments.optionalString("search"))
        prefix = try arguments.optionalString("prefix") ?? ""
        let worker = try arguments.optionalString("worker").map { [$0] } ?? []
        let workers = worker + (try arguments.optionalStringArray("workers") ?? [])
        self.workers = workers.isEmpty ? nil : Set(workers.map { Name($0) })
        includesInternal = try arguments.optionalBool("include_internal") ?? false
    }

    /// Matching functions by rank, then id.
    func rows(of engine: Engine) -> [JSON] {
        var found: [(rank: Int, function: Function)] = []
        for function in engine.allFunctions where admits(function, engine) {
            guard let search else {
                found.append((0, function))
                continue
            }
            if let rank = search.rank(id: function.id, description: function.description.description) {
                found.append((rank, function))
            }
        }
        found.sort { left, right in
            left.rank != right.rank ? left.rank < right.rank : Name(left.function.id) < Name(right.function.id)
        }
        return found.map { engine.listRow(of: $0.function) }
    }

    private func admits(_ function: Function, _ engine: Engine) -> Bool {
        guard function.id.utf8.starts(with: prefix.utf8), includesInternal || !function.isInternal else { return false }
        return workers?.contains(Name(engine.workerName(of: function))) ?? true
    }
}

extension Function {
    /// Hidden from listings unless asked for: `engine::…` but not `engine::queue::…`, and what says so itself.
    fileprivate var isInternal: Bool {
        if id.isEngineID, !id.utf8.starts(with: "engine::queue::".utf8) { return true }
        guard let metadata = description.metadata, case .bool(true)? = metadata.tree.object?["internal"] else {
            return false
        }
        return true
    }
}

extension InvocationError {
    static func notFound(_ message: String) -> InvocationError {
        InvocationError(code: "NOT_FOUND", message: message)
    }

    static func invalidArguments(_ message: String) -> InvocationError {
        InvocationError(code: "INVALID_ARGUMENTS", message: message)
    }
}
