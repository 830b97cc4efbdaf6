import Engine

/// `{stream_name, group_id, item_id}` of `stream::get`.
struct StreamItemRequest {
    let group: StreamGroup
    let id: String

    init(_ reader: ArgumentReader) throws(ArgumentError) {
        group = try StreamGroup(reader)
        id = try reader.string("item_id")
    }

    /// As custom implementations get it: without extra members.
    var json: JSONObject {
        var object = group.json
        object["item_id"] = .string(id)
        return object
    }
}

extension StreamGroup {
    init(_ reader: ArgumentReader) throws(ArgumentError) {
        self.init(stream: try reader.string("stream_name"), group: try reader.string("group_id"))
    }

    var json: JSONObject {
        ["stream_name": .string(stream.string), "group_id": .string(group.string)]
    }
}

struct StreamSetRequest {
    let group: StreamGroup
    let id: String
    let data: RawJSON
    let options: WriteOptions

    init(_ payload: RawJSON) throws(ArgumentError) {
        if let scan = PayloadScan(payload, names: ["stream_name", "group_id", "item_id"], value: "data"),
            let stream = scan.names[0], let group = scan.names[1], let id = scan.names[2], let value = scan.value
        {
            self.group = StreamGroup(stream: stream, group: group)
            self.id = id
            data = value
            options = scan.options
            return
        }
        let reader = try ArgumentReader(parsing: payload, structName: "StreamSetInput")
        let item = try StreamItemRequest(reader)
        group = item.group
        id = item.id
        data = RawJSON(try reader.requiredValue("data"))
        options = try WriteOptions(reader)
    }
}

struct StreamDeleteRequest {
    let item: StreamItemRequest
    let options: WriteOptions

    init(_ payload: RawJSON) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: payload, structName: "StreamDeleteInput")
        item = try StreamItemRequest(reader)
        options = try WriteOptions(reader)
    }
}

struct StreamUpdateRequest {
    let item: StreamItemRequest
    let operations: [UpdateOperation]
    /// As they came, for a custom implementation.
    let operationsJSON: JSON
    let options: WriteOptions

    init(_ payload: RawJSON) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: payload, structName: "StreamUpdateInput")
        item = try StreamItemRequest(reader)
        operationsJSON = try reader.requiredValue("ops")
        operations = try UpdateOperation.decode(operationsJSON)
        options = try WriteOptions(reader)
    }
}

struct StreamSendRequest {
    let group: StreamGroup
    let id: String?
    let type: String
    let data: RawJSON
    let options: WriteOptions

    init(_ payload: RawJSON) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: payload, structName: "StreamSendInput")
        group = try StreamGroup(reader)
        id = try reader.optionalString("id")
        type = try reader.string("type")
        data = RawJSON(try reader.requiredValue("data"))
        options = try WriteOptions(reader)
    }
}
