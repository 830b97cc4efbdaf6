import Engine

/// Where streams live: the port that `iii-stream` needs (architecture.md, "The house").
///
/// Called on the engine's event loop. Operations take effect in call order; a completion runs on the loop when the
/// result may be seen by anybody, which for a durable adapter is after its sync (storage.md I1, I4). Before a write's
/// completion its events have been given to the sink, in the order in which the writes were made.
public protocol StreamAdapter: AnyObject {
    typealias Completion<Value> = (Result<Value, AdapterError>) -> Void

    /// What an acknowledgement of this adapter means.
    var mode: StoreMode { get }

    /// What `engine::health` shows of the store. Waits for no disk.
    var status: StoreStatus { get }

    /// Gets events from now on. Held weakly.
    var sink: (any StreamEventSink)? { get set }

    func set(_ id: String, in group: StreamGroup, data: RawJSON, completion: @escaping Completion<EntryChange>)

    /// nil: absent. A stored JSON null is a value.
    func get(_ id: String, in group: StreamGroup, completion: @escaping Completion<RawJSON?>)

    /// Removes and returns the value in one step; no event if there was none.
    func delete(_ id: String, in group: StreamGroup, completion: @escaping Completion<EntryChange>)

    /// Read, transform, write as one isolated step.
    func update(
        _ id: String,
        in group: StreamGroup,
        operations: [UpdateOperation],
        completion: @escaping Completion<EntryUpdate>
    )

    /// Values of a group in insertion order, as one JSON array.
    func list(_ group: StreamGroup, completion: @escaping Completion<RawJSON>)

    /// Groups of a stream that hold at least one item, ascending by bytes.
    func listGroups(stream: String, completion: @escaping Completion<[String]>)

    /// All streams with their groups, both ascending by bytes.
    func listAll(completion: @escaping Completion<[StreamListing]>)

    /// An event of which nothing is stored: of `stream::send`, or about an item that somebody else keeps. The completion
    /// gets the position of the event in the store's log; nil in memory.
    func publish(
        _ body: StreamEventBody,
        id: String?,
        in group: StreamGroup,
        completion: @escaping Completion<UInt64?>
    )

    /// What a subscription begins with.
    func snapshot(of group: StreamGroup, id: String?, completion: @escaping Completion<StreamSnapshot>)

    /// What a subscription missed since a position; answered from what the sink has been given so far, at once.
    ///
    /// - Parameter bytes: about how much at once; one event at least, if there is any.
    func missed(since position: String, of group: StreamGroup, id: String?, atMost bytes: Int) -> StreamMissed

    /// The position of the event that the sink got last.
    var lastPosition: UInt64 { get }

    /// A position as clients keep it.
    func text(of position: UInt64) -> String

    /// Closes what the adapter holds open.
    func close() throws
}

/// Who tells subscribers and triggers. Called on the event loop.
public protocol StreamEventSink: AnyObject {
    /// An event that this engine made: for `stream` triggers.
    func fire(_ event: StreamEvent)
    /// An event that subscribers may see, whoever made it; in the order in which everybody sees them.
    func deliver(_ event: StreamEvent)
}

public struct StreamListing: Sendable {
    public var stream: String
    public var groups: [String]

    public init(stream: String, groups: [String]) {
        self.stream = stream
        self.groups = groups
    }
}

/// A group, or one item of it, at one moment.
public struct StreamSnapshot: Sendable {
    /// An array of values, or the item's value; nil: there is no such item.
    public var data: RawJSON?
    /// The item id of each value; nil for one item, or when they aren't known.
    public var ids: RawJSON?
    /// Events up to here are in it, later ones aren't.
    public var position: UInt64

    public init(data: RawJSON?, ids: RawJSON?, position: UInt64) {
        self.data = data
        self.ids = ids
        self.position = position
    }
}

/// What can be said about events since a position.
public enum StreamMissed {
    /// Exactly these, in order, and then so many more.
    case events([StreamEvent], more: Int)
    /// Some of them aren't kept any more.
    case tooOld
    /// No position of this store.
    case unknown
}
