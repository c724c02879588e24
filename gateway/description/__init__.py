"""What the doors say of themselves, for programs: OpenAPI of REST, AsyncAPI of the socket, from models and tables."""
