import Engine
import NIOCore

/// What a client of port 3112 says (stream.md §6.3). Everything else is ignored.
enum StreamClientFrame {
    case join(Join)
    case leave(Subscription)

    struct Subscription {
        let subscriptionID: String
        let group: StreamGroup
        let id: String?
    }

    struct Join {
        let subscription: Subscription
        /// nil: the client doesn't know of positions.
        let resume: StreamResumePoint?
    }

    /// nil: blank, not JSON, of another type, or without a required field.
    init?(_ text: ByteBuffer) {
        guard let json = try? RawJSON(validated: text).parse(), let data = json["data"],
            let type = json["type"]?.string,
            let subscription = Subscription(data)
        else { return nil }
        switch type {
        case "join": self = .join(Join(subscription: subscription, resume: StreamResumePoint(data)))
        case "leave": self = .leave(subscription)
        default: return nil
        }
    }
}

extension StreamClientFrame.Subscription {
    fileprivate init?(_ data: JSON) {
        guard let subscriptionID = data["subscriptionId"]?.string, let stream = data["streamName"]?.string,
            let group = data["groupId"]?.string
        else { return nil }
        let id = data["id"]
        guard id == nil || id?.isNull == true || id?.string != nil else { return nil }
        self.subscriptionID = subscriptionID
        self.group = StreamGroup(stream: stream, group: group)
        self.id = id?.string
    }

    var names: [String] { [subscriptionID, group.stream.string, group.group.string, id ?? ""] }
}

/// From where a client that knows of positions goes on (docs/streams.md).
enum StreamResumePoint {
    case new
    case position(String)

    /// nil: the client says nothing about it. What is no position is an unknown one.
    init?(_ data: JSON) {
        guard let resume = data["resume"] else { return nil }
        self = resume.isNull ? .new : .position(resume.string ?? "")
    }
}
