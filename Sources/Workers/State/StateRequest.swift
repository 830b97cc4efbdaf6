import Engine
import NIOCore

/// The arguments of `state::set`.
struct StateSetRequest {
    let scope: String
    let key: String
    let value: RawJSON
    let options: WriteOptions

    init(_ data: RawJSON) throws(ArgumentError) {
        if let scan = PayloadScan(data, names: ["scope", "key", nil], value: "value", alias: "data"),
            let scope = scan.names[0], let key = scan.names[1], let value = scan.value
        {
            self.scope = scope
            self.key = key
            self.value = value
            options = scan.options
            return
        }
        let reader = try ArgumentReader(parsing: data, structName: "StateSetInput")
        scope = try reader.string("scope")
        key = try reader.string("key")
        value = RawJSON(try reader.requiredValue("value", alias: "data"))
        options = try WriteOptions(reader)
    }
}

/// `{scope, key}` of `state::get`.
struct StateKeyRequest {
    let scope: String
    let key: String

    init(_ data: RawJSON, structName: String) throws(ArgumentError) {
        if let fast = Self.scan(data) {
            self = fast
            return
        }
        let reader = try ArgumentReader(parsing: data, structName: structName)
        scope = try reader.string("scope")
        key = try reader.string("key")
    }

    private init(scope: String, key: String) {
        self.scope = scope
        self.key = key
    }

    /// Without a tree, as `StateSetRequest` does; nil: not plainly right.
    private static func scan(_ data: RawJSON) -> StateKeyRequest? {
        var scope: String?
        var key: String?
        var isPlain = true
        let isObject = data.buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { member in
                    if member.keyHasEscapes {
                        isPlain = false
                    } else if JSONScanner.key(bytes, of: member, is: "scope") {
                        if scope != nil { isPlain = false }
                        scope = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
                    } else if JSONScanner.key(bytes, of: member, is: "key") {
                        if key != nil { isPlain = false }
                        key = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
                    }
                }
                return true
            } catch {
                return false
            }
        }
        guard isObject, isPlain, let scope, let key else { return nil }
        return StateKeyRequest(scope: scope, key: key)
    }
}

struct StateUpdateRequest {
    let scope: String
    let key: String
    let operations: [UpdateOperation]
    let options: WriteOptions

    init(_ data: RawJSON) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: data, structName: "StateUpdateInput")
        scope = try reader.string("scope")
        key = try reader.string("key")
        operations = try UpdateOperation.decode(try reader.requiredValue("ops"))
        options = try WriteOptions(reader)
    }
}

struct StateDeleteRequest {
    let scope: String
    let key: String
    let options: WriteOptions

    init(_ data: RawJSON) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: data, structName: "StateDeleteInput")
        scope = try reader.string("scope")
        key = try reader.string("key")
        options = try WriteOptions(reader)
    }
}

/// `state::list_keys` and `state::list_entries`.
struct StatePageRequest {
    let scope: String
    let page: EntryPageRequest

    init(_ data: RawJSON, structName: String, wantsValues: Bool) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: data, structName: structName)
        scope = try reader.string("scope")
        page = try EntryPageRequest(reader, wantsValues: wantsValues)
    }
}

extension ArgumentReader {
    init(parsing data: RawJSON, structName: String) throws(ArgumentError) {
        let tree: JSON
        do throws(JSONError) {
            tree = try data.parse()
        } catch {
            throw ArgumentError(error.description)
        }
        try self.init(tree, structName: structName)
    }
}
