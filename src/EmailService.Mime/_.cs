namespace EmailService.Mime;
