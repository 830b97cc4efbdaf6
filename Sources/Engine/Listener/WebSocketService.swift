import NIOCore
import NIOHTTP1

/// What stands behind a WebSocket listener. Called on the engine's event loop.
package protocol WebSocketService: AnyObject {
    /// Decides on a well-formed upgrade request; the socket waits for the answer.
    func admit(_ head: HTTPRequestHead, on channel: any Channel) -> EventLoopFuture<Handshake>

    /// The answer to a request that doesn't upgrade.
    func refusal(of head: HTTPRequestHead) -> Handshake.Refusal

    /// Takes over a socket that was admitted and has upgraded.
    func attach(_ channel: any Channel, _ head: HTTPRequestHead) throws
}

/// The answer to an upgrade request.
package enum Handshake: Sendable {
    /// 101 with further headers.
    case accepted(HTTPHeaders)
    case refused(Refusal)

    package struct Refusal: Sendable {
        package var status: HTTPResponseStatus
        /// `text/plain`; empty: no body.
        package var text: String
        package var headers: HTTPHeaders

        package init(_ status: HTTPResponseStatus, _ text: String = "", headers: HTTPHeaders = [:]) {
            self.status = status
            self.text = text
            self.headers = headers
        }
    }
}

extension HTTPRequestHead {
    /// The request target without its query.
    package var path: Substring { uri.prefix { $0 != "?" } }

    /// What follows the first `?`; empty when there is none.
    package var query: Substring { uri.drop { $0 != "?" }.dropFirst() }
}
