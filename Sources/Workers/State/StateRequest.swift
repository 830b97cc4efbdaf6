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
        if let scan = PayloadScan(data, names: ["scope", "key", nil]), let scope = scan.names[0],
            let key = scan.names[1]
        {
            self.scope = scope
            self.key = key
            return
        }
        let reader = try ArgumentReader(parsing: data, structName: structName)
        scope = try reader.string("scope")
        key = try reader.string("key")
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
