public import SOCKSCore

/// What a negotiation reports to its ``ServerNegotiationDelegate``, and asks of it.
public enum ServerNegotiationEvent {
  /// The method is chosen; nothing is proved yet.
  case selected(SOCKSMethod)

  /// A token or a password has come, and is about to be checked.
  case receivedCredential

  /// Compare, off the loop, and answer.
  case receivedPassword(UsernamePasswordRequest, PasswordAnswer)

  /// The client may make its request.
  case authenticated(AuthenticatedClient)

  /// Carry out this command, and answer. Why an answer is a failure is known to the delegate alone.
  case receivedRequest(ServedCommand, destination: SOCKSAddress, RequestAnswer)

  /// The success reply is on its way. Put the relay in the handler's place, give it the early data, and remove the handler.
  case succeeded(ServerNegotiationHandover)

  /// The connection is refused or broken, and is being closed; not reported when the owner has closed it by
  /// ``ServerNegotiationHandler/close()``. A refused request's error is `requestRefused`, whatever the delegate's reason was.
  case failed(SOCKSError, phase: ServerNegotiation.Phase)
}
