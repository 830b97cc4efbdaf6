import Engine

/// The semantics of state.md §4.3, as a pure function.
extension UpdateOperation {
    /// Applies the operations in order; `stored` is nil for an absent key. A failed operation leaves its error and the
    /// value untouched. The value returned is to be written always.
    public static func apply(
        _ operations: [UpdateOperation],
        to stored: consuming JSON?
    ) -> (value: JSON, errors: [UpdateError]) {
        var running = RunningValue(stored)
        var errors: [UpdateError] = []
        for (index, operation) in operations.enumerated() {
            do throws(UpdateFailure) {
                try operation.check()
                try running.apply(operation)
            } catch {
                errors.append(error.error(of: operation, at: index))
            }
        }
        return (running.value, errors)
    }
}

/// The value between two operations.
private struct RunningValue {
    private(set) var value: JSON
    /// No value was stored and no operation has taken effect yet: then a scalar or a list can still start at the root.
    private var isMissing: Bool

    init(_ stored: consuming JSON?) {
        isMissing = stored == nil
        value = stored ?? .object(JSONObject())
    }

    mutating func apply(_ operation: UpdateOperation) throws(UpdateFailure) {
        switch operation {
        case .set(_, let new):
            try change(operation) { slot in slot = new }
        case .merge(let path, let new):
            guard merge(new, at: path) else { return }
        case .append(let path, let new):
            try change(operation) { slot throws(UpdateFailure) in try Self.append(new, to: &slot, path) }
        case .increment(let path, let amount):
            try change(operation) { slot throws(UpdateFailure) in try Self.add(Int128(amount), to: &slot, path) }
        case .decrement(let path, let amount):
            try change(operation) { slot throws(UpdateFailure) in try Self.add(-Int128(amount), to: &slot, path) }
        case .remove(let path):
            try change(operation) { slot in slot = path.isRoot ? .null : nil }
        }
        isMissing = false
    }

    /// Hands out what the operation's path leads to: nil for an absent member, and for the root while nothing is stored.
    private mutating func change(
        _ operation: UpdateOperation,
        _ body: (inout JSON?) throws(UpdateFailure) -> Void
    ) throws(UpdateFailure) {
        let path = operation.path
        guard path.isRoot || value.kind == .object else {
            throw .targetNotObject(operation, found: value)
        }
        // Taken out while it changes, so that changing it copies nothing.
        var slot: JSON? = path.isRoot && isMissing ? nil : value
        value = .null
        defer { value = slot ?? .object(JSONObject()) }
        try Self.walk(&slot, path.segments[...], body)
    }

    /// Goes down the keys, making an object of whatever isn't one on the way.
    private static func walk<Failure>(
        _ slot: inout JSON?,
        _ keys: ArraySlice<String>,
        _ body: (inout JSON?) throws(Failure) -> Void
    ) throws(Failure) {
        guard let key = keys.first else { return try body(&slot) }
        var object = slot?.object ?? JSONObject()
        slot = nil
        defer { slot = .object(object) }
        try object.update(key) { member throws(Failure) in try walk(&member, keys.dropFirst(), body) }
    }
}

// MARK: - What happens at the end of the path

extension RunningValue {
    /// False when nothing was done: a root that isn't an object is left alone, without an error.
    private mutating func merge(_ new: JSON, at path: UpdatePath) -> Bool {
        guard case .object(let members) = new, !path.isRoot || value.kind == .object else { return false }
        var slot: JSON? = value
        value = .null
        Self.walk(&slot, path.segments[...]) { target in
            var object = target?.object ?? JSONObject()
            target = nil
            for (key, member) in members { object.set(key, member) }
            target = .object(object)
        }
        value = slot ?? .null
        return true
    }

    /// An absent leaf of a longer path always becomes a list; elsewhere a string starts as itself.
    ///
    /// Switches over the kind, not the value: a pattern would hold a second reference and appending would copy all.
    private static func append(_ new: JSON, to slot: inout JSON?, _ path: UpdatePath) throws(UpdateFailure) {
        switch slot?.kind {
        case nil where path.segments.count > 1:
            slot = .array([new])
        case nil, .null:
            slot = new.kind == .string ? new : .array([new])
        case .array:
            var elements = slot?.array ?? []
            slot = nil
            elements.append(new)
            slot = .array(elements)
        case .string:
            guard case .string(let addition) = new else { throw .notAppendable(path, value: new) }
            var text = slot?.string ?? ""
            slot = nil
            text += addition
            slot = .string(text)
        default:
            throw .notAppendable(path, found: slot ?? .null)
        }
    }

    private static func add(_ amount: Int128, to slot: inout JSON?, _ path: UpdatePath) throws(UpdateFailure) {
        guard let found = slot else {
            slot = JSON(amount)
            return
        }
        guard case .number(let number) = found, let sum = number.adding(amount) else {
            throw .notNumber(path, found: found)
        }
        slot = .number(sum)
    }
}

extension JSONNumber {
    /// Exact for integers, in i64 or u64; what upstream keeps as a float is added as one. Nil beyond those ranges.
    fileprivate func adding(_ amount: Int128) -> JSONNumber? {
        guard let stored = int64.map({ Int128($0) }) ?? uint64.map({ Int128($0) }) else {
            return JSONNumber(double + Double(amount))
        }
        let sum = stored + amount
        guard sum >= Int128(Int64.min), sum <= Int128(UInt64.max) else { return nil }
        return JSONNumber(sum)
    }
}
