import Glibc
import Hummingbird
import Logging

// The peer of the HTTP figure: the worker function's work (give the JSON body back, status 200) done by a bare
// Hummingbird server in the request's own process.
//   echo-server PORT

/// Largest body the echo takes.
let maximumBodyBytes = 1024 * 1024

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("usage: echo-server PORT")
    exit(2)
}
var logger = Logger(label: "echo-server")
logger.logLevel = .error

let router = Router()
router.post("/bench") { request, _ -> Response in
    let body = try await request.body.collect(upTo: maximumBodyBytes)
    return Response(
        status: .ok,
        headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: body)
    )
}
let application = Application(
    router: router,
    configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
    logger: logger
)
try await application.runService()
