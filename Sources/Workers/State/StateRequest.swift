import Engine
import NIOCore

/// The arguments of `state::set`, found in the request's bytes without building a tree.
///
/// Whatever is not plainly right goes to the strict reader, which words the error.
struct StateSetRequest {
    let scope: String
    let key: String
    let value: RawJSON
    let options: WriteOptions

    init(_ data: RawJSON) throws(ArgumentError) {
        if let fast = Self.scan(data) {
            self = fast
            return
        }
        let reader = try ArgumentReader(parsing: data, structName: "StateSetInput")
        scope = try reader.string("scope")
        key = try reader.string("key")
        value = RawJSON(try reader.requiredValue("value", alias: "data"))
        options = try WriteOptions(reader)
    }

    private init(scope: String, key: String, value: RawJSON, options: WriteOptions) {
        self.scope = scope
        self.key = key
        self.value = value
        self.options = options
    }

    private static func scan(_ data: RawJSON) -> StateSetRequest? {
        var scope: String?
        var key: String?
        var value: Range<Int>?
        var options = WriteOptions()
        var isPlain = true
        let isObject = data.buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { member in
                    switch true {
                    case member.keyHasEscapes:
                        isPlain = false
                    case JSONScanner.key(bytes, of: member, is: "scope"):
                        if scope != nil { isPlain = false }
                        scope = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
                    case JSONScanner.key(bytes, of: member, is: "key"):
                        if key != nil { isPlain = false }
                        key = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
                    case JSONScanner.key(bytes, of: member, is: "value"),
                        JSONScanner.key(bytes, of: member, is: "data"):
                        if value != nil { isPlain = false }
                        value = member.valueRange
                    case options.read(member, of: bytes) == .unclear:
                        isPlain = false
                    default:
                        break
                    }
                }
                return true
            } catch {
                return false
            }
        }
        guard isObject, isPlain, let scope, let key, let value else { return nil }
        let start = data.buffer.readerIndex + value.lowerBound
        guard let slice = data.buffer.getSlice(at: start, length: value.count) else { return nil }
        return StateSetRequest(scope: scope, key: key, value: RawJSON(validated: slice), options: options)
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
